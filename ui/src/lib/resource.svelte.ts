/**
 * Data of a page: loads when the component starts and again whenever a reactive value that `fetcher` reads (before its
 * first await) changes; an answer that comes too late is dropped. Call it in a component's script.
 *
 *   const lists = resource((signal) => api.get<Page<List>>('/lists', { q: query.get('q') }, signal));
 *   {#if lists.error}<ProblemNotice problem={lists.error} retry={lists.reload} />{:else if lists.data}…
 */
import { untrack } from 'svelte';
import { ApiProblem } from './api.ts';
import { live } from './live.svelte.ts';

export interface Resource<T> {
  /** the last good answer; stays while a newer one loads */
  readonly data: T | undefined;
  readonly error: ApiProblem | null;
  /** nothing to show yet */
  readonly loading: boolean;
  /** any request under way */
  readonly busy: boolean;
  reload(): Promise<void>;
  /** Changes what is shown without asking the server: live events, the answer to a PATCH. */
  set(value: T): void;
}

export function resource<T>(fetcher: (signal: AbortSignal) => Promise<T>): Resource<T> {
  let data = $state.raw<T | undefined>(undefined);
  let error = $state.raw<ApiProblem | null>(null);
  let busy = $state(true);
  let controller = new AbortController();

  async function run(): Promise<void> {
    controller.abort();
    controller = new AbortController();
    const { signal } = controller;
    const promise = fetcher(signal);
    busy = true;
    try {
      const answer = await promise;
      if (signal.aborted) return;
      data = answer;
      error = null;
    } catch (reason) {
      if (signal.aborted) return;
      error = reason instanceof ApiProblem ? reason : new ApiProblem(0, 'internal', String(reason));
    }
    busy = false;
  }

  $effect(() => {
    // Events that were missed while disconnected are in no later event, so read again.
    live.reconnections;
    run();
    return () => controller.abort();
  });

  return {
    get data() {
      return data;
    },
    get error() {
      return error;
    },
    get loading() {
      return data === undefined && error === null;
    },
    get busy() {
      return busy;
    },
    reload: run,
    set(value) {
      data = value;
      // An answer that is on its way may be older than this event and would undo it: ask again.
      if (busy) untrack(run);
    },
  };
}
