/** Uploads, their progress and what was rejected. */
import { createReadStream, rmSync } from 'node:fs';
import Type from 'typebox';
import type { Routes } from '../../deps.ts';
import { AppError } from '../../errors.ts';
import { readCursor } from '../../http/paging.ts';
import { IdParams, Page, PageQuery } from '../../schemas.ts';
import { Import, ImportPreview } from '../schemas.ts';
import { rejectedPath, tidyImports, uploadPath } from './files.ts';
import { acceptImport, dropUpload, IMPORT_FIELDS, PREVIEW_FIELDS, previewImport } from './plan.ts';
import { endImport, readImports, requireImport, viewImport } from './store.ts';
import { readForm } from './upload.ts';

const tags = ['imports'];
const consumes = ['multipart/form-data'];
const OPTIONS = `Fields, in any order with the file: \`encoding\` (utf-8, cp932, utf-16le, utf-16be, euc-jp), \`delimiter\` (comma, tab, semicolon), \`hasHeader\` (true, false); what is left out is found out from the file.`;

export const importRoutes: Routes = (app, deps) => {
  const { db, config } = deps;
  app.addHook('onReady', async () => tidyImports(config.dataDir, Date.now()));

  app.get(
    '/api/v1/imports',
    {
      schema: {
        tags,
        summary: 'Imports, newest first',
        querystring: PageQuery,
        response: { 200: Page(Import) },
      },
    },
    ({ query }) => readImports(db, readCursor(query.cursor), query.limit ?? 50),
  );

  app.post(
    '/api/v1/imports',
    {
      schema: {
        tags,
        consumes,
        summary: 'Import people from a CSV or TSV file into a list',
        description: `Multipart form: \`file\`, \`listId\`, and \`mapping\` as a JSON array with \`email\`, \`name\`, an attribute's key or null for each column (without it, headings decide). ${OPTIONS} People are added or updated, empty cells change nothing, and who left the list stays unsubscribed. The import runs in the background: poll it, or watch the events.`,
        response: { 202: Import },
      },
    },
    async (request, reply) => {
      const form = await readForm(request, IMPORT_FIELDS, config.dataDir);
      let accepted: Import;
      try {
        accepted = acceptImport(db, config.dataDir, form, request.actor?.name ?? '', Date.now());
      } finally {
        dropUpload(form.upload);
      }
      deps.audit(request, 'import.create', `import:${accepted.id}`, {
        listId: accepted.listId,
        fileName: accepted.fileName,
      });
      deps.jobs.run({ kind: 'import', id: accepted.id });
      reply.code(202).header('location', `/api/v1/imports/${accepted.id}`);
      return accepted;
    },
  );

  app.post(
    '/api/v1/imports/preview',
    {
      schema: {
        tags,
        consumes,
        summary: 'What an import of this file would see',
        description: `Multipart form: \`file\`, of which the first 256 KiB count. ${OPTIONS}`,
        response: { 200: ImportPreview },
      },
    },
    async (request) => previewImport(db, await readForm(request, PREVIEW_FIELDS, undefined)),
  );

  app.get(
    '/api/v1/imports/:id',
    {
      schema: { tags, summary: 'One import and how far it is', params: IdParams, response: { 200: Import } },
    },
    ({ params }) => viewImport(requireImport(db, params.id)),
  );

  app.post(
    '/api/v1/imports/:id/cancel',
    {
      schema: {
        tags,
        summary: 'Stop an import; who was imported stays',
        params: IdParams,
        response: { 200: Import },
      },
    },
    (request) => {
      const { id } = request.params;
      const { state } = requireImport(db, id);
      if (!endImport(db, id, 'cancelled', Date.now()))
        throw new AppError('wrong-state', `Import ${id} is ${state} already`);
      deps.jobs.cancel({ kind: 'import', id });
      rmSync(uploadPath(config.dataDir, id), { force: true });
      deps.audit(request, 'import.cancel', `import:${id}`);
      const cancelled = viewImport(requireImport(db, id));
      deps.live.publish({ type: 'import', data: cancelled });
      return cancelled;
    },
  );

  app.get(
    '/api/v1/imports/:id/rejected.csv',
    {
      schema: {
        tags,
        summary: 'Rows that were not imported, and notes on some that were',
        description:
          'UTF-8 with BOM: line, result, code, reason in Japanese and English, and the row as it was. Kept for 30 days.',
        produces: ['text/csv'],
        params: IdParams,
        response: { 200: Type.String() },
      },
    },
    async (request, reply) => {
      const { id, rejectedBytes } = requireImport(db, request.params.id);
      if (rejectedBytes === 0) throw new AppError('not-found', `Import ${id} has rejected nothing so far`);
      // While it runs: as far as the database knows, so never half a line.
      const stream = createReadStream(rejectedPath(config.dataDir, id), { end: rejectedBytes - 1 });
      await new Promise((resolve, reject) => {
        stream.once('open', resolve);
        stream.once('error', () =>
          reject(new AppError('not-found', `The rejected rows of import ${id} are not kept any more`)),
        );
      });
      return reply
        .header('content-type', 'text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="import-${id}-rejected.csv"`)
        .send(stream as unknown as string);
    },
  );
};
