import { expect, test, vi } from 'vitest';
import { Autosave, type Backup } from './autosave.ts';

interface Doc {
  revision: number;
  subject: string;
  html: string;
}
type Edits = { subject?: string; html?: string };

class Conflict extends Error {}
class Refused extends Error {}

/** A server that keeps one document and a browser that keeps one backup. */
function world(backup: Backup<Edits> | null = null) {
  const server = {
    doc: { revision: 1, subject: 's', html: 'h' } as Doc,
    fail: null as Error | null,
    saves: [] as object[],
  };
  const store = { kept: backup };
  let gate: Promise<void> = Promise.resolve();
  const draft = new Autosave<Doc, Edits>(
    { ...server.doc },
    {
      async save({ revision, ...edits }) {
        await gate;
        if (server.fail) throw server.fail;
        if (revision !== server.doc.revision) throw new Conflict();
        server.saves.push(edits);
        server.doc = { ...server.doc, ...edits, revision: revision + 1 };
        return { ...server.doc };
      },
      classify: (error) =>
        error instanceof Conflict ? 'conflict' : error instanceof Refused ? 'refused' : 'unreachable',
      backup: {
        read: () => store.kept,
        write: (b) => {
          store.kept = structuredClone(b);
        },
        clear: () => {
          store.kept = null;
        },
      },
      onchange() {},
      delay: 5,
    },
  );
  return {
    server,
    store,
    draft,
    hold() {
      let open = () => {};
      gate = new Promise((resolve) => {
        open = resolve;
      });
      return () => open();
    },
  };
}

test('saves by itself after a pause and says so', async () => {
  const { draft, server, store } = world();
  draft.edit({ subject: 'a' });
  draft.edit({ subject: 'ab' });
  expect(draft.state.kind).toBe('dirty');
  expect(store.kept?.edits).toEqual({ subject: 'ab' });
  await vi.waitFor(() => expect(draft.state.kind).toBe('saved'));
  expect(server.saves).toEqual([{ subject: 'ab' }]);
  expect(store.kept).toBeNull();
  expect(draft.unsaved).toBe(false);
});

test('what is typed while a save runs is saved by the next one, with the new revision', async () => {
  const { draft, server, hold } = world();
  const open = hold();
  draft.edit({ subject: 'a' });
  const saving = draft.flush();
  await vi.waitFor(() => expect(draft.state.kind).toBe('saving'));
  draft.edit({ html: 'new' });
  open();
  expect(await saving).toBe(true);
  expect(server.saves).toEqual([{ subject: 'a' }, { html: 'new' }]);
  expect(server.doc).toEqual({ revision: 3, subject: 'a', html: 'new' });
});

test('out of reach: keeps the edits, tries again and gets through', async () => {
  vi.useFakeTimers();
  const { draft, server, store } = world();
  server.fail = new Error('offline');
  draft.edit({ subject: 'kept' });
  expect(await draft.flush()).toBe(false);
  expect(draft.state.kind).toBe('failed');
  expect(store.kept?.edits).toEqual({ subject: 'kept' });
  server.fail = null;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(draft.state.kind).toBe('saved');
  expect(server.doc.subject).toBe('kept');
  vi.useRealTimers();
});

test('refused: does not hammer the server, and the next edit tries again', async () => {
  const { draft, server } = world();
  server.fail = new Refused();
  draft.edit({ subject: 'x' });
  await draft.flush();
  expect(draft.state).toMatchObject({ kind: 'failed', retryAt: null });
  server.fail = null;
  draft.edit({ subject: 'y' });
  expect(await draft.flush()).toBe(true);
  expect(server.doc.subject).toBe('y');
});

test('conflict: nothing is overwritten until the writer decides; mine goes on top of theirs', async () => {
  const { draft, server } = world();
  server.doc = { revision: 5, subject: 'theirs', html: 'theirs' };
  draft.edit({ subject: 'mine' });
  await draft.flush();
  expect(draft.state.kind).toBe('conflict');
  draft.edit({ subject: 'mine 2' });
  expect(draft.state.kind).toBe('conflict');
  expect(server.doc.subject).toBe('theirs');
  await draft.resolve('mine', { ...server.doc });
  expect(server.doc).toEqual({ revision: 6, subject: 'mine 2', html: 'theirs' });
  expect(draft.state.kind).toBe('saved');
});

test('conflict: fields of mine that were saved before are not put back over their newer text', async () => {
  const { draft, server } = world();
  draft.edit({ subject: 'mine, saved' });
  await draft.flush();
  server.doc = { revision: 7, subject: 'theirs, newer', html: 'h' };
  draft.edit({ html: 'mine' });
  await draft.flush();
  expect(draft.pending).toEqual({ html: 'mine' });
  await draft.resolve('mine', { ...server.doc });
  expect(draft.value).toMatchObject({ subject: 'theirs, newer', html: 'mine' });
});

test('conflict: theirs drops mine, and the backup with it', async () => {
  const { draft, server, store } = world();
  server.doc = { revision: 5, subject: 'theirs', html: 'theirs' };
  draft.edit({ subject: 'mine' });
  await draft.flush();
  await draft.resolve('theirs', { ...server.doc });
  expect(draft.value.subject).toBe('theirs');
  expect(store.kept).toBeNull();
});

test('a backup from a closed tab is applied when nobody changed the draft since', async () => {
  const { draft, server } = world({ revision: 1, edits: { html: 'typed before the crash' }, at: 0 });
  expect(draft.value.html).toBe('typed before the crash');
  await vi.waitFor(() => expect(server.doc.html).toBe('typed before the crash'));
});

test('a backup of an older revision is a conflict, not an overwrite', async () => {
  const { draft, server } = world({ revision: 0, edits: { html: 'old' }, at: 0 });
  expect(draft.state.kind).toBe('conflict');
  await draft.flush();
  expect(server.saves).toEqual([]);
});

test('refresh takes the newer state but never over unsaved edits', () => {
  const { draft } = world();
  draft.refresh({ revision: 1, subject: 'same revision, new counts', html: 'h' });
  expect(draft.stored.subject).toBe('same revision, new counts');
  draft.edit({ html: 'typed' });
  draft.refresh({ revision: 9, subject: 'later', html: 'later' });
  expect(draft.stored.revision).toBe(1);
  draft.close();
});
