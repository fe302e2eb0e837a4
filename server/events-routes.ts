import type { Routes } from './deps.ts';
import type { LiveHub } from './live.ts';

/** `GET /api/v1/events`: what moves, as server-sent events of the types in events.ts. */
export const eventsRoutes =
  (live: LiveHub): Routes =>
  (app) => {
    app.get(
      '/api/v1/events',
      // A HEAD would wait for the end of the stream.
      {
        exposeHeadRoute: false,
        schema: { summary: 'What moves, as server-sent events', produces: ['text/event-stream'] },
      },
      (request, reply) => live.connect(request, reply),
    );
  };
