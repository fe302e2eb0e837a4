import { SvelteSet } from 'svelte/reactivity';
import type {
  DkimKey,
  SendingDomain,
  SendingDomainPatch,
} from '../../../../server/delivery/sending-domain-schemas.ts';
import { ApiProblem, api } from '../../lib/api.ts';
import { fieldErrorText, notices } from '../../lib/notices.svelte.ts';

/** What the page and its parts do with the domain; each answer is the domain as it is now. */
export class DomainWork {
  readonly #id: number;
  readonly #set: (domain: SendingDomain) => void;
  /** keys of the records that are being looked up */
  readonly #checking = new SvelteSet<string>();
  #all = $state(false);
  #busy = $state(false);

  constructor(id: number, set: (domain: SendingDomain) => void) {
    this.#id = id;
    this.#set = set;
  }

  /** any change under way */
  get busy(): boolean {
    return this.#busy;
  }
  get checkingAll(): boolean {
    return this.#all;
  }
  isChecking(key: string): boolean {
    return this.#all || this.#checking.has(key);
  }

  async checkAll(): Promise<SendingDomain | undefined> {
    this.#all = true;
    try {
      return await this.#take(() => api.post<SendingDomain>(`${this.#path}/check`));
    } finally {
      this.#all = false;
    }
  }

  async check(key: string): Promise<SendingDomain | undefined> {
    this.#checking.add(key);
    try {
      return await this.#take(() => api.post<SendingDomain>(`${this.#path}/check`, { records: [key] }));
    } finally {
      this.#checking.delete(key);
    }
  }

  patch(body: SendingDomainPatch): Promise<SendingDomain | undefined> {
    return this.#change(() => this.send(body));
  }

  /** For forms, which show what was refused beside the field. */
  async send(body: SendingDomainPatch): Promise<SendingDomain> {
    const domain = await api.patch<SendingDomain>(this.#path, body);
    this.#set(domain);
    return domain;
  }

  addKey(algorithm: DkimKey['algorithm']): Promise<SendingDomain | undefined> {
    return this.#change(() => this.#keep(api.post<SendingDomain>(`${this.#path}/dkim-keys`, { algorithm })));
  }

  activate(
    key: DkimKey,
    body: { overlapDays?: number; force?: { reason: string } } = {},
  ): Promise<SendingDomain | undefined> {
    return this.#change(() =>
      this.#keep(api.post<SendingDomain>(`${this.#path}/dkim-keys/${key.id}/activate`, body)),
    );
  }

  deleteKey(key: DkimKey): Promise<SendingDomain | undefined> {
    return this.#change(() => this.#keep(api.delete<SendingDomain>(`${this.#path}/dkim-keys/${key.id}`)));
  }

  get #path(): string {
    return `/sending-domains/${this.#id}`;
  }

  async #keep(answer: Promise<SendingDomain>): Promise<SendingDomain> {
    const domain = await answer;
    this.#set(domain);
    return domain;
  }

  async #change(work: () => Promise<SendingDomain>): Promise<SendingDomain | undefined> {
    this.#busy = true;
    try {
      return await work();
    } catch (error) {
      const field = error instanceof ApiProblem ? error.errors[0] : undefined;
      if (field) notices.bad(fieldErrorText(field));
      else notices.problem(error);
      return undefined;
    } finally {
      this.#busy = false;
    }
  }

  async #take(work: () => Promise<SendingDomain>): Promise<SendingDomain | undefined> {
    try {
      return await this.#keep(work());
    } catch (error) {
      notices.problem(error);
      return undefined;
    }
  }
}
