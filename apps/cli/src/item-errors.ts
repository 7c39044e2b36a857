/** Several things were asked for at once, and some of them failed: each is told by itself, after those that did not. */
export class ItemErrors extends Error {
  override readonly name = "ItemErrors";
  readonly errors: readonly Error[];

  constructor(errors: readonly Error[]) {
    super(errors.map(({ message }) => message).join("; "));
    this.errors = errors;
  }
}

/** Throws if there are any. */
export function throwErrors(items: readonly { readonly error: Error | undefined }[]): void {
  const errors = items.flatMap(({ error }) => (error === undefined ? [] : [error]));
  if (errors.length > 0) throw new ItemErrors(errors);
}
