/**
 * A client as a process of its own, since which authorities Node trusts is decided when it starts (NODE_EXTRA_CA_CERTS): connects,
 * writes for a while, and prints `ok`, or everything that it was told of why not.
 *
 * Started with: URL, and for how long it stays (ms).
 */
import { connect, systemRandom } from "@corral/client";

const [url, stayMs] = process.argv.slice(2) as [string, string];
const CONNECT_MS_MAX = 4_000;
const said: string[] = [];

try {
  const client = await connect({
    servers: [url],
    timeoutMs: CONNECT_MS_MAX,
    log: ({ message, fields }) => void said.push(`${message} ${causes(fields["error"])}`),
  });
  const { session } = client;
  const root = `/tls-${Buffer.from(systemRandom(8)).toString("hex")}`;
  await client.create(root);
  const until = performance.now() + Number(stayMs);
  do await client.set(root, null);
  while (performance.now() < until);
  const isSame = client.session === session && client.stats().reconnects === 0;
  await client.close();
  console.log(isSame ? "ok" : "the connection did not stay");
} catch (error) {
  console.log(`${causes(error)}; ${said.join("; ")}`);
}
process.exit(0);

function causes(error: unknown): string {
  const cause = (error as Error | undefined)?.cause;
  return cause === undefined ? String(error) : `${String(error)} <- ${causes(cause)}`;
}
