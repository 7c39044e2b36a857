/**
 * Leaving in order: the broker says that it drains, the controller moves its leaderships, and it goes when everybody has seen where they went.
 *
 * The wish stands in the broker's record, so it need not be repeated, whoever is controller when.
 */
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Roles } from "./roles.ts";

/** How far it has come. */
export type DrainStage = "leads" | "not seen by all" | "done";

/** `sinceZxid`: at which the broker's record said so first. */
export function drainStage(image: ClusterImage, broker: number, roles: Roles, sinceZxid: number): DrainStage {
  for (const { state } of roles.led()) {
    if (state.isr.some((id) => id !== broker && isActive(image, id))) return "leads";
  }
  const lastMove = Math.max(sinceZxid, roles.lastEnd);
  for (const { id, status, seenZxid } of image.brokers()) {
    if (id !== broker && status === "active" && (seenZxid ?? 0) < lastMove) return "not seen by all";
  }
  return "done";
}

/** Only one that is in sync and active could take over. */
function isActive(image: ClusterImage, id: number): boolean {
  return image.broker(id)?.status === "active";
}
