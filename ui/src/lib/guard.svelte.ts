/**
 * Asks before unsaved work is left: by a link in the app, or by closing the tab. (The browser's Back cannot be held up
 * by a hash router; forms with a draft survive it, see form.svelte.ts.)
 */
import { push } from 'svelte-spa-router';
import { t } from './i18n.svelte.ts';
import { notices } from './notices.svelte.ts';

export function guardUnsaved(dirty: () => boolean): void {
  $effect(() => {
    const onUnload = (event: BeforeUnloadEvent) => {
      if (dirty()) event.preventDefault();
    };
    const onClick = async (event: MouseEvent) => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey)
        return;
      const anchor = (event.target as Element | null)?.closest<HTMLAnchorElement>('a[href^="#/"]');
      if (!anchor || anchor.target === '_blank' || !dirty()) return;
      event.preventDefault();
      event.stopPropagation();
      const leave = await notices.ask({
        title: t('guard.title'),
        lines: [t('guard.body')],
        confirm: t('guard.leave'),
        danger: true,
      });
      if (leave) push(anchor.getAttribute('href')!.slice(1));
    };
    window.addEventListener('beforeunload', onUnload);
    document.addEventListener('click', onClick, true);
    return () => {
      window.removeEventListener('beforeunload', onUnload);
      document.removeEventListener('click', onClick, true);
    };
  });
}
