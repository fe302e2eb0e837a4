/** Who is logged in, and what they may do. */
import type { Scope } from '../../../server/auth/permissions.ts';
import type { Session, Settings } from '../../../server/auth/schemas.ts';
import { ApiProblem, api } from './api.ts';
import { setLanguage, setTimeZone } from './i18n.svelte.ts';
import { live } from './live.svelte.ts';

type State = 'unknown' | 'anonymous' | 'active' | 'unreachable';
let state = $state<State>('unknown');
let current = $state.raw<Session | null>(null);
let settings = $state.raw<Settings | null>(null);

async function enter(next: Session): Promise<void> {
  current = next;
  await setLanguage(next.user.language);
  await session.refreshSettings();
  state = 'active';
  live.start();
}

export const session = {
  get state() {
    return state;
  },
  get current() {
    return current;
  },
  get settings() {
    return settings;
  },
  /** Hide what the answer is `false` for; the server decides again anyway. */
  can(scope: Scope): boolean {
    return current?.scopes.includes(scope) ?? false;
  },

  /** At start: is there a session already? */
  async restore(): Promise<void> {
    try {
      await enter(await api.get<Session>('/session'));
    } catch (error) {
      state = error instanceof ApiProblem && error.code === 'not-logged-in' ? 'anonymous' : 'unreachable';
    }
  },
  /** Throws ApiProblem `wrong-credentials` or `too-many-requests`. */
  async login(email: string, password: string): Promise<void> {
    const answer = await api.post<Session | undefined>('/session', { email, password });
    await enter(answer ?? (await api.get<Session>('/session')));
  },
  async logout(): Promise<void> {
    await api.delete('/session');
    session.ended();
  },
  /** The server no longer knows us. */
  ended(): void {
    live.stop();
    current = null;
    state = 'anonymous';
  },
  async update(patch: {
    name?: string;
    language?: 'ja' | 'en';
    currentPassword?: string;
    password?: string;
  }): Promise<void> {
    await api.patch('/session', patch);
    current = await api.get<Session>('/session');
    await setLanguage(current.user.language);
  },
  async refresh(): Promise<void> {
    current = await api.get<Session>('/session');
  },
  async refreshSettings(): Promise<void> {
    settings = await api.get<Settings>('/settings');
    setTimeZone(settings.timeZone);
  },
};
