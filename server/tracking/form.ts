/** The small forms that are posted to an unsubscribe address. */

export interface UnsubscribeForm {
  /** of our own page: `list`, `all` or `undo`; undefined for a mail program's one-click (RFC 8058) */
  action?: string | undefined;
  /** with `undo`: the time that it is about */
  at?: string | undefined;
}

/** Takes urlencoded and multipart (RFC 8058 §3.1 allows both); anything else counts as a form without fields. */
export async function readForm(contentType: string | undefined, body: unknown): Promise<UnsubscribeForm> {
  if (!Buffer.isBuffer(body) || contentType === undefined) return {};
  try {
    const form = await new Response(new Uint8Array(body), {
      headers: { 'content-type': contentType },
    }).formData();
    return { action: text(form.get('action')), at: text(form.get('at')) };
  } catch {
    return {};
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
