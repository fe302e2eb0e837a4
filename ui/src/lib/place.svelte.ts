/** Where the user is: set by Page.svelte, shown by the top bar and the window's title. */
export interface Crumb {
  label: string;
  href?: string;
}

let title = $state('');
let crumbs = $state.raw<readonly Crumb[]>([]);

export const place = {
  get title() {
    return title;
  },
  get crumbs() {
    return crumbs;
  },
  set(nextTitle: string, nextCrumbs: readonly Crumb[]): void {
    title = nextTitle;
    crumbs = nextCrumbs;
    document.title = nextTitle ? `${nextTitle} – Todoke` : 'Todoke';
  },
};
