import { mount } from 'svelte';
import App from './App.svelte';
import { initialLanguage, setLanguage } from './lib/i18n.svelte.ts';
import { theme } from './lib/theme.svelte.ts';
import './styles/theme.css';

theme.restore();
await setLanguage(initialLanguage());
mount(App, { target: document.getElementById('app')! });
