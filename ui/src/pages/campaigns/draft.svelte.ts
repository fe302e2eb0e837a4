/** The campaign that is being written: autosave for the screens of the sending path. */
import type { Campaign, CampaignSummary } from '../../../../server/campaigns/schemas.ts';
import { ApiProblem, api } from '../../lib/api.ts';
import { Autosave, localBackup, type SaveState } from './autosave.ts';

export type Edits = Partial<
  Pick<
    Campaign,
    | 'name'
    | 'subject'
    | 'from'
    | 'replyTo'
    | 'listIds'
    | 'html'
    | 'text'
    | 'trackOpens'
    | 'trackClicks'
    | 'poolId'
  >
>;
const FIELDS = [
  'name',
  'subject',
  'from',
  'replyTo',
  'listIds',
  'html',
  'text',
  'trackOpens',
  'trackClicks',
  'poolId',
] as const;
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

function classify(error: unknown): 'conflict' | 'refused' | 'unreachable' {
  if (!(error instanceof ApiProblem)) return 'refused';
  if (error.code === 'revision-conflict') return 'conflict';
  // 401: the login page comes up, and after it the retry goes through.
  return error.status === 0 || error.status >= 500 || error.status === 429 || error.status === 401
    ? 'unreachable'
    : 'refused';
}

/** What was typed but never saved is for a draft: over a mail that has been sent it would show what nobody got. */
function backupOf(campaign: Campaign) {
  const backup = localBackup<Edits>(`todoke.campaign.${campaign.id}`);
  return campaign.state === 'draft' ? backup : { ...backup, read: () => null };
}

export class Draft {
  readonly #core: Autosave<Campaign, Edits>;
  #value = $state.raw() as Campaign;
  #save = $state.raw<SaveState>({ kind: 'saved', at: null });
  #theirs = $state.raw<Campaign | null>(null);
  #stored = $state.raw() as Campaign;
  #merged = $state(false);

  constructor(campaign: Campaign) {
    this.#core = new Autosave<Campaign, Edits>(campaign, {
      save: (edits) => api.patch<Campaign>(`/campaigns/${campaign.id}`, edits),
      classify,
      backup: backupOf(campaign),
      onchange: () => this.#sync(),
    });
    // Only a backup of an older revision is in conflict from the start: `campaign` is what the others wrote meanwhile.
    if (this.#core.state.kind === 'conflict') this.#theirs = campaign;
    this.#sync();
  }

  get value(): Campaign {
    return this.#value;
  }
  get save(): SaveState {
    return this.#save;
  }
  /** as the server has it: what previews, counts and checks are about */
  get stored(): Campaign {
    return this.#stored;
  }
  /** in a conflict: what is stored now */
  get theirs(): Campaign | null {
    return this.#theirs;
  }
  /** another person's change to other fields was taken in without asking */
  get merged(): boolean {
    return this.#merged;
  }
  get unsaved(): boolean {
    return this.#save.kind !== 'saved';
  }
  /** Only drafts and scheduled mails may be changed, the latter after taking back the schedule. */
  get editable(): boolean {
    return this.#value.state === 'draft';
  }

  set(edits: Edits): void {
    this.#core.edit(edits);
  }

  /** Resolves to true when everything is stored. */
  flush(): Promise<boolean> {
    return this.#core.flush();
  }

  async resolve(keep: 'mine' | 'theirs'): Promise<void> {
    const theirs = this.#theirs;
    if (!theirs) return;
    this.#theirs = null;
    await this.#core.resolve(keep, theirs);
  }

  /** The fields that both changed, for the words of a conflict. */
  get clashing(): (typeof FIELDS)[number][] {
    const theirs = this.#theirs;
    const { pending } = this.#core;
    return theirs ? FIELDS.filter((f) => f in pending && !same(pending[f], theirs[f])) : [];
  }

  /** Counts and state as the server pushes them; contents only change by our own saves. */
  live(summary: CampaignSummary): void {
    const { counts, state, enqueueProgress, scheduledAt, startedAt, finishedAt } = summary;
    this.#core.refresh({
      ...this.#core.stored,
      counts,
      state,
      enqueueProgress,
      scheduledAt,
      startedAt,
      finishedAt,
    });
  }

  /** The answer of an action (start, pause, …). */
  answered(campaign: Campaign | CampaignSummary): void {
    this.#core.refresh({ ...this.#core.stored, ...campaign });
  }

  close(): void {
    void this.#core.flush();
    this.#core.close();
  }

  #sync(): void {
    this.#value = this.#core.value;
    this.#save = this.#core.state;
    this.#stored = this.#core.stored;
    if (this.#save.kind === 'conflict' && !this.#theirs) void this.#fetchTheirs();
  }

  /** Changes to different fields do not clash: take theirs and put ours on top. Only the same field needs a decision. */
  async #fetchTheirs(): Promise<void> {
    const base = this.#core.stored;
    const theirs = await api.get<Campaign>(`/campaigns/${base.id}`).catch(() => null);
    if (!theirs || this.#core.state.kind !== 'conflict') return;
    const { pending } = this.#core;
    const both = FIELDS.filter(
      (f) => f in pending && !same(theirs[f], base[f]) && !same(theirs[f], pending[f]),
    );
    if (both.length === 0) {
      // The answer to our own save may have been lost: then nothing of theirs differs, and nothing is worth saying.
      this.#merged = FIELDS.some((f) => !(f in pending) && !same(theirs[f], base[f]));
      await this.#core.resolve('mine', theirs);
    } else this.#theirs = theirs;
  }
}
