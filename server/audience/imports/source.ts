import { open } from 'node:fs/promises';
import { CsvReader, type CsvRow } from './csv.ts';
import { Decoder, type Encoding } from './encoding.ts';

const READ_BYTES = 128 * 1024;

/**
 * The records of a file, piece by piece; `bytes` is how far it is read. Memory is bounded by the piece and the longest
 * record. @throws the file system's error when the file cannot be read
 */
export async function* readRecords(
  path: string,
  options: { encoding: Encoding; delimiter: string },
): AsyncGenerator<{ rows: CsvRow[]; bytes: number }> {
  const file = await open(path);
  try {
    const decoder = new Decoder(options.encoding);
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    let reader: CsvReader | undefined;
    for (let bytes = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES);
      bytes += bytesRead;
      const text = bytesRead > 0 ? decoder.push(buffer.subarray(0, bytesRead)) : decoder.end();
      // Old Macs end lines with CR alone: then the first piece has no LF at all.
      const newline = !text.includes('\n') && text.includes('\r') ? '\r' : '\n';
      reader ??= new CsvReader({ delimiter: options.delimiter, newline });
      yield { rows: reader.push(text), bytes };
      if (bytesRead === 0) {
        yield { rows: reader.end(), bytes };
        return;
      }
    }
  } finally {
    await file.close();
  }
}
