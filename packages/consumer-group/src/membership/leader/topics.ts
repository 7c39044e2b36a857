/** What topics there are, as the source of the leader tells. */
import { CorralError, type Client } from "@corral/client";
import { pause } from "@corral/recipes/authoring";
import type { Topic } from "../../assignor.ts";
import type { Settings } from "../options.ts";

/** Until the signal aborts. What the source throws is told, and it is asked again after a pause. */
export async function followTopics(
  client: Client,
  { source, onLeaderError }: Pick<Settings, "source" | "onLeaderError">,
  signal: AbortSignal,
  tell: (topics: readonly Topic[]) => void,
): Promise<void> {
  const deadline = client.deadline("topics", { signal, timeoutMs: Infinity });
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      for await (const topics of source.topics(signal)) {
        if (signal.aborted) return;
        tries = 1;
        tell(topics);
      }
      if (signal.aborted) return;
      throw new CorralError("CLOSED", {
        op: "topics",
        outcome: "no",
        means: "the source ended without being asked to",
      });
    } catch (error) {
      if (signal.aborted) return;
      onLeaderError(error);
    }
    // Aborted, the loop ends.
    await pause(client, deadline, tries).catch(() => undefined);
  }
}
