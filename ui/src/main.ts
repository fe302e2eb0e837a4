import { mount } from 'svelte';
import App from './App.svelte';
import { initialLanguage, setLanguage } from './lib/i18n.svelte.ts';
import { theme } from './lib/theme.svelte.ts';
import './styles/theme.css';

// After an upgrade, an open tab asks for files that are gone: load the new version, but never in a loop.
window.addEventListener('vite:preloadError', (event) => {
  const last = Number(sessionStorage.getItem('todoke.reloaded') ?? 0);
  if (Date.now() - last < 10_000) return;
  event.preventDefault();
  sessionStorage.setItem('todoke.reloaded', String(Date.now()));
  location.reload();
});

theme.restore();
await setLanguage(initialLanguage());
mount(App, { target: document.getElementById('app')! });
