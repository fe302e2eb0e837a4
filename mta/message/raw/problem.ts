export type RawProblemCode =
  | 'from-missing'
  | 'from-several'
  | 'from-address'
  | 'header-8bit-address'
  | 'header-line-too-long'
  | 'too-deep'
  | 'too-many-parts'
  | 'signed-not-7bit'
  | 'broken';

/** Why a mail that was handed in cannot go out. `message` names the value; `field` is the header field, '' for the body. */
export class RawProblem extends Error {
  readonly code: RawProblemCode;
  readonly field: string;
  constructor(code: RawProblemCode, field: string, message: string) {
    super(message);
    this.name = 'RawProblem';
    this.code = code;
    this.field = field;
  }
}
