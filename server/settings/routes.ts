import { Settings, SettingsPatch } from '../auth/schemas.ts';
import { listReadiness } from '../delivery/sending-domains.ts';
import type { Routes } from '../deps.ts';
import { changeSettings, readSettings } from './settings.ts';

export const settingsRoutes: Routes = (app, deps) => {
  app.get(
    '/api/v1/settings',
    { schema: { summary: 'Read the settings', response: { 200: Settings } } },
    async () => readSettings(deps.db, deps.config),
  );

  app.patch(
    '/api/v1/settings',
    { schema: { summary: 'Change settings', body: SettingsPatch, response: { 200: Settings } } },
    async (request) => {
      const after = changeSettings(deps.db, deps.config, request.body, listReadiness(deps));
      deps.audit(request, 'settings.change', 'settings', request.body);
      deps.publishDelivery();
      return after;
    },
  );
};
