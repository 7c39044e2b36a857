/** Settings on the command line. */
import { UsageError } from "../usage-error.ts";

/** `KEY=VALUE` each; the value may have further equals signs. */
export function pairsFrom(flag: string, texts: readonly string[] = []): [name: string, value: string][] {
  return texts.map((text) => {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`${flag} is '${text}', not KEY=VALUE`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
}
