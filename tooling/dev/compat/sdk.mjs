// The few calls of the SDK that the suite makes, in one place: it tests Node versions, not the SDK's surface.
import { connect } from "@corral/client";

const bytes = (text) => new TextEncoder().encode(text);
const text = (value) => new TextDecoder().decode(value);

export async function open(url) {
  const client = await connect({ servers: [url] });
  return {
    create: (path, value) => client.create(path, bytes(value)),
    createEphemeral: (path) => client.create(path, bytes(""), { lifetime: "ephemeral" }),
    set: (path, value) => client.set(path, bytes(value)),
    get: async (path) => text((await client.get(path)).value),
    exists: async (path) => (await client.stat(path)) !== undefined,
    delete: (path) => client.delete(path),
    children: async (path) => [...(await client.children(path))].sort((a, b) => (a < b ? -1 : 1)),
    close: () => client.close(),
  };
}
