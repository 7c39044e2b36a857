import { type Client, text } from "@corral/client";
import { election } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const controller = election(client, "/controller", { identity: "broker-1" });
  const stop = new AbortController();

  // Leads again after each loss, in a new session if need be, until it is stopped.
  await controller.run(
    async (leadership, signal) => {
      await leadership.proclaim(new TextEncoder().encode("ws://broker-1:9092"));
      // The term goes with everything that the leader does: in Corral as a guard, elsewhere as a number that only grows.
      const work = { guard: leadership.guard, signal, timeoutMs: Infinity };
      await client.update("/controller-epoch", () => `${leadership.term}`, { ...work, codec: text, create: {} });
      for await (const leader of controller.observe({ signal })) {
        if (leader?.isMine === true) stop.abort(); // A real one goes on until it is told to stop.
      }
    },
    { again: true, signal: stop.signal },
  );
}
