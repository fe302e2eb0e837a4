/** The server's minimum (auth/schemas.ts). */
export const PASSWORD_MIN = 10;

/** 16 characters without look-alikes (0 O, 1 l I): 5.8 bits each, to be read out or copied once. */
export function suggestPassword(): string {
  const alphabet = '23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ';
  const bytes = crypto.getRandomValues(new Uint8Array(64));
  let password = '';
  for (const byte of bytes) {
    // 224 = 4 × 56: higher values would make some letters likelier.
    if (byte < 224 && password.length < 16) password += alphabet[byte % alphabet.length];
  }
  return password;
}
