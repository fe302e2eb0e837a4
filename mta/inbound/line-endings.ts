/**
 * Lines end in CRLF and in nothing else (RFC 5321 §2.3.8). Where servers disagree on that, one of them sees the end of a mail and
 * further commands where the other sees text: "SMTP smuggling". So a lone CR or LF ends the session, in commands and in
 * mail, as with Postfix's `smtpd_forbid_bare_newline = reject`.
 */
const LF = 0x0a;
const CR = 0x0d;

/** Looks at a stream chunk by chunk. */
export class LineEndings {
  #afterCr = false;

  /** Which of the two stands alone in this chunk, or at the end of the one before; undefined when none does. */
  check(chunk: Buffer): 'CR' | 'LF' | undefined {
    if (chunk.length === 0) return undefined;
    let at = 0;
    if (this.#afterCr) {
      if (chunk[0] !== LF) return 'CR';
      this.#afterCr = false;
      at = 1;
    }
    let lf = chunk.indexOf(LF, at);
    for (;;) {
      const cr = chunk.indexOf(CR, at);
      if (lf >= 0 && (cr < 0 || lf < cr)) return 'LF';
      if (cr < 0) return undefined;
      if (cr === chunk.length - 1) {
        this.#afterCr = true;
        return undefined;
      }
      if (lf !== cr + 1) return 'CR';
      at = cr + 2;
      lf = chunk.indexOf(LF, at);
    }
  }
}
