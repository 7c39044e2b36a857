/** `corral status`: whether a server answers, how fast, and how far it is. */
import type { Command } from "../command.ts";

export const status: Command = {
  name: "status",
  usage: "",
  summary: "the server that answers, its zxid, round trip, number of znodes, and who you are",
  flags: {},
  async run({ connect, output }) {
    const client = await connect();
    const { state, session } = client;
    const startedAt = performance.now();
    const zxid = await client.sync("/");
    const roundTripMs = Math.round((performance.now() - startedAt) * 100) / 100;
    const [znodes, identities] = await Promise.all([client.countDescendants("/"), client.whoAmI()]);
    const facts = {
      server: state.name === "connected" ? state.server : null,
      zxid,
      roundTripMs,
      znodes: znodes + 1,
      session: session?.id ?? null,
      sessionTimeoutMs: session?.timeoutMs ?? null,
      identities: identities.map(({ scheme, id }) => `${scheme}:${id}`),
    };
    output.item(facts, () =>
      Object.entries(facts)
        .map(([name, value]) => `${name.padEnd(18)}${Array.isArray(value) ? value.join(", ") : String(value)}`)
        .join("\n"),
    );
  },
};
