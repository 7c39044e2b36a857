/** Several things were asked for at once, and some of them failed: each is told by itself, after those that did not. */
export class ItemErrors extends Error {
  override readonly name = "ItemErrors";
  readonly errors: readonly Error[];

  constructor(errors: readonly Error[]) {
    super(errors.map(({ message }) => message).join("; "));
    this.errors = errors;
  }
}

/** Of one thing; a partition is named, since the error may not say which it is. */
interface Item {
  readonly error: (Error & { readonly code?: string }) | undefined;
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
}

/** Throws if there are any. */
export function throwErrors(items: readonly Item[]): void {
  const errors = items.flatMap(({ error, topic, partition }) => {
    if (error === undefined || topic === undefined || partition === undefined) return error ?? [];
    const { code, message } = error;
    return Object.assign(new Error(`${topic}:${partition}: ${message}`, { cause: error }), { code });
  });
  if (errors.length > 0) throw new ItemErrors(errors);
}
