/** Light, dark, or as the system says. The colours themselves are in styles/theme.css. */
export type Theme = 'system' | 'light' | 'dark';
const KEY = 'todoke.theme';

let current = $state<Theme>('system');

export const theme = {
  get current() {
    return current;
  },
  set(next: Theme) {
    current = next;
    if (next === 'system') {
      localStorage.removeItem(KEY);
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem(KEY, next);
      document.documentElement.dataset.theme = next;
    }
  },
  restore() {
    const stored = localStorage.getItem(KEY);
    if (stored === 'light' || stored === 'dark') theme.set(stored);
  },
};
