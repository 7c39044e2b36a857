/** The error of the client for a znode that is not there, where the client answers with nothing instead. */
import type { CorralError } from "@corral/client";

/** `means`: what is not there, where that is not just the znode. */
export async function notFound(op: string, path: string, means?: string): Promise<CorralError> {
  const { CorralError } = await import("@corral/client");
  return new CorralError("NO_NODE", { op, detail: { path }, means });
}
