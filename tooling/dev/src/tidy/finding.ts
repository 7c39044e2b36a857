/** One thing a rule found, and where. */
export interface Finding {
  /** A path from the root, with `:line` where there is one. */
  readonly where: string;
  /** What is wrong there, in one sentence. */
  readonly what: string;
}
