/** The user asked for something that does not exist or cannot be. Ends with exit code 2 and this message. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
