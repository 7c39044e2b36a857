/** Identities of a session on the wire, in the log and in snapshots: `[[scheme, id], …]`. */
import type { Identity, Value, Writer } from "@corral/protocol";

export function writeIdentities(w: Writer, identities: readonly Identity[]): void {
  w.array(identities.length);
  for (const { scheme, id } of identities) {
    w.array(2);
    w.str(scheme);
    w.str(id);
  }
}

export function readIdentities(value: Value): Identity[] {
  return (value as readonly (readonly [string, string])[]).map(([scheme, id]) => ({ scheme, id }));
}
