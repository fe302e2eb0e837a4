/**
 * Server-sent events: one EventSource for the whole UI. `onLive('import', …)` in a component listens while it is shown.
 * The browser reconnects by itself after a dropped connection, but gives up after an HTTP error (a restart behind a
 * proxy answers 502), so we try again ourselves, later each time.
 */
import type { LiveEvent } from '../../../server/events.ts';
import { api } from './api.ts';

export type LiveType = LiveEvent['type'];
export type LiveData<T extends LiveType> = Extract<LiveEvent, { type: T }>['data'];
type Handler = (data: never) => void;

const TYPES: LiveType[] = ['import', 'campaign', 'queues', 'webhook'];
/** A tab in the background gives its connection back: browsers open only six to a host without HTTP/2. */
const HIDDEN_CLOSE = 10_000;
const FIRST_RETRY = 1000;
const LAST_RETRY = 30_000;

const handlers = new Map<LiveType, Set<Handler>>(TYPES.map((type) => [type, new Set()]));
let source: EventSource | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let retry = FIRST_RETRY;
let connected = $state(false);
/** grows with every reconnection: what was missed meanwhile must be read again */
let reconnections = $state(0);
let everConnected = false;
let started = false;
let hiddenTimer: ReturnType<typeof setTimeout> | undefined;

function open(): void {
  if (source || document.hidden) return;
  source = new EventSource('/api/v1/events');
  source.onopen = () => {
    connected = true;
    retry = FIRST_RETRY;
    if (everConnected) reconnections += 1;
    everConnected = true;
  };
  source.onerror = () => {
    connected = false;
    if (source?.readyState !== EventSource.CLOSED) return;
    source = null;
    // Why it was refused is not told: if the session has ended, this request finds out and shows the login page.
    api.get('/session').catch(() => {});
    timer = setTimeout(() => {
      timer = undefined;
      open();
    }, retry);
    retry = Math.min(retry * 2, LAST_RETRY);
  };
  for (const type of TYPES) {
    source.addEventListener(type, (event: MessageEvent<string>) => {
      const data = JSON.parse(event.data) as never;
      for (const handler of handlers.get(type)!) handler(data);
    });
  }
}

function close(): void {
  clearTimeout(timer);
  timer = undefined;
  source?.close();
  source = null;
  connected = false;
}

document.addEventListener('visibilitychange', () => {
  clearTimeout(hiddenTimer);
  if (!started) return;
  if (document.hidden) hiddenTimer = setTimeout(close, HIDDEN_CLOSE);
  else if (!source && timer === undefined) open();
});

export const live = {
  get connected() {
    return connected;
  },
  get reconnections() {
    return reconnections;
  },
  start(): void {
    started = true;
    if (timer === undefined) open();
  },
  stop(): void {
    started = false;
    everConnected = false;
    close();
  },
  /** Returns the function that stops listening. */
  on<T extends LiveType>(type: T, handler: (data: LiveData<T>) => void): () => void {
    const set = handlers.get(type)!;
    set.add(handler as Handler);
    return () => set.delete(handler as Handler);
  },
};

/** In a component's script: listens until it is removed. */
export function onLive<T extends LiveType>(type: T, handler: (data: LiveData<T>) => void): void {
  $effect(() => live.on(type, handler));
}
