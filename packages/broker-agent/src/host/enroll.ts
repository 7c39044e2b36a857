/**
 * Taking a broker's place: an id that nobody has, endpoints that nobody has, and the znode that says so.
 *
 * Two that come at the same moment cannot see each other: so endpoints are looked at again when both stand there, and the one that came later
 * leaves.
 */
import { type Client, CorralError, type Deadline, isCorralError } from "@corral/client";
import { counter, register, type Registration } from "@corral/recipes";
import { BROKER_ID_MAX } from "../check.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { BrokerView } from "../image/views.ts";
import { brokerCodec, type BrokerRecord, type Endpoint } from "../records.ts";
import { DRAWN_IDS_FROM, ID_TRIES_MAX } from "./limits.ts";

const OP = "startBroker";

export interface Enrollment {
  readonly record: Omit<BrokerRecord, "id">;
  readonly id: number | "auto";
  readonly onDuplicate: "error" | "wait";
}

export interface Enrolled {
  /** Its id. */
  readonly own: number;
  readonly registration: Registration<BrokerRecord>;
}

/** `NODE_EXISTS` if the id, or an endpoint, is another's. */
export async function enroll(
  client: Client,
  image: ClusterImage,
  { record, id, onDuplicate }: Enrollment,
  deadline: Deadline,
): Promise<Enrolled> {
  checkEndpointsFree(image, id, record.endpoints);
  let own = id === "auto" ? await drawNumber(client, image, deadline) : id;
  for (let tries = 1; ; tries += 1) {
    const path = image.paths.broker(own);
    try {
      const how = { ...deadline.rest(), codec: brokerCodec, onConflict: onDuplicate };
      return { own, registration: await register(client, path, { ...record, id: own }, how) };
    } catch (error) {
      if (!isCorralError(error, "NODE_EXISTS")) throw error;
      if (id !== "auto" || tries >= ID_TRIES_MAX) throw await taken(client, path, own, error, deadline);
    }
    // Somebody was given this number by people.
    own = await drawNumber(client, image, deadline);
  }
}

/** `NODE_EXISTS` if an endpoint is that of another broker, one that came before `epoch`. */
export function checkEndpointsFree(
  image: ClusterImage,
  id: number | "auto",
  endpoints: readonly Endpoint[],
  epoch: number = Number.POSITIVE_INFINITY,
): void {
  const own = new Set(endpoints.map(addressOf));
  for (const broker of image.brokers()) {
    if (broker.id === id || broker.epoch > epoch) continue;
    const same = broker.endpoints.find((endpoint) => own.has(addressOf(endpoint)));
    if (same === undefined) continue;
    const detail = { path: image.paths.broker(broker.id), name: "endpoints" };
    const means = `broker ${broker.id} is registered with ${addressOf(same)} already`;
    throw new CorralError("NODE_EXISTS", { op: OP, detail, outcome: "no", means });
  }
}

/** The next one that nobody was given; those that are registered are passed by. */
async function drawNumber(client: Client, image: ClusterImage, deadline: Deadline): Promise<number> {
  const numbers = counter(client, image.paths.ids);
  for (let tries = 0; tries < ID_TRIES_MAX; tries += 1) {
    const number = DRAWN_IDS_FROM + Number(await numbers.add(1, deadline.rest()));
    if (number > BROKER_ID_MAX) break;
    if (image.broker(number) === undefined) return number;
  }
  const detail = { path: image.paths.ids, name: "idTriesMax", limit: ID_TRIES_MAX };
  throw new CorralError("LIMIT_EXCEEDED", {
    op: OP,
    detail,
    outcome: "no",
    means: "no number is free for this broker",
  });
}

/** Who has it? */
async function taken(
  client: Client,
  path: string,
  id: number,
  cause: CorralError,
  deadline: Deadline,
): Promise<CorralError> {
  const found = await client.find(path, { ...deadline.rest(), codec: brokerCodec });
  const holder = found === undefined ? "one that has gone meanwhile" : describe(found.value);
  const detail = { path, name: "brokerId", actual: cause.actual };
  const means = `broker ${id} is registered already: ${holder}`;
  return new CorralError("NODE_EXISTS", { op: OP, detail, outcome: "no", means, cause });
}

function describe({ endpoints, incarnation }: Pick<BrokerView, "endpoints" | "incarnation">): string {
  return `at ${endpoints.map((endpoint) => `${endpoint.name}://${addressOf(endpoint)}`).join(", ")} (incarnation ${incarnation})`;
}

function addressOf({ host, port }: Endpoint): string {
  return `${host.toLowerCase()}:${port}`;
}
