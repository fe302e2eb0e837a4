/**
 * The two ways to write a TXT value: in one piece, as most DNS panels take it, and as quoted strings of at most 255 bytes
 * (RFC 1035 §3.3), as zone files and some panels (Route 53) want it. The server may give either.
 */
const QUOTED = /^"(?:[^"\\]|\\.)*"(?:\s+"(?:[^"\\]|\\.)*")*$/;

export function onePiece(value: string): string {
  if (!QUOTED.test(value)) return value;
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map((match) => match[1]!.replaceAll(/\\(.)/g, '$1'))
    .join('');
}

export function quotedPieces(value: string): string {
  const pieces = onePiece(value).match(/[\s\S]{1,255}/g) ?? [''];
  return pieces.map((piece) => `"${piece.replaceAll(/["\\]/g, '\\$&')}"`).join(' ');
}
