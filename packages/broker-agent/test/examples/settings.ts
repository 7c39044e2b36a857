import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import {
  ALL_BROKERS,
  type BrokerHost,
  clusterAdmin,
  LiveSettings,
  mergeSchema,
  Quotas,
  type Sealer,
  sealPasswords,
  startBroker,
} from "@corral/broker-agent";
import type { Client } from "@corral/client";

/** The host's own settings: the same in all brokers and administrators. */
const own = {
  "segment.bytes": {
    type: "integer",
    default: "1048576",
    min: 1024,
    scope: "topic",
    doc: "A file of a log is so long",
  },
  "tls.key.password": { type: "password", default: "", scope: "broker", doc: "Opens the private key" },
} as const;
const schema = mergeSchema(own);

export async function example(client: Client, host: BrokerHost, log: (line: string) => void): Promise<void> {
  const endpoints = [{ name: "clients", host: "10.0.0.7", port: 9092 }];
  // The controller, which may be this broker, checks by the schema what is asked for.
  const agent = await startBroker(client, { cluster: "shop", id: 7, endpoints, host, schema: own });
  await using admin = await clusterAdmin(client, { cluster: "shop", schema });

  const onError = (error: unknown, where: string): void => log(`${where}: ${String(error)}`);
  const settings = new LiveSettings(agent.image, { schema, broker: agent.id, sealer, onError });
  // Typed by the schema: here numbers.
  settings.watch("segment.bytes", { topic: "orders" }, ({ before, now }) => log(`segments: ${before}, now ${now}`));

  await admin.createTopic({ name: "orders" });
  await admin.alterConfigs([
    { entity: { type: "topics", name: "orders" }, changes: [{ op: "set", name: "segment.bytes", value: "4096" }] },
    { entity: ALL_BROKERS, changes: [{ op: "set", name: "num.partitions", value: "12" }] },
  ]);
  log(`new topics have ${settings.get("num.partitions")} partitions`);

  // Sealed before it is asked for: neither the server nor the controller sees it.
  const entity = { type: "brokers", name: "7" } as const;
  const password = [{ op: "set", name: "tls.key.password", value: "correct horse" }] as const;
  await admin.alterConfigs([{ entity, changes: sealPasswords(password, { schema, entity, sealer }) }]);
  log(`the broker reads: ${settings.get("tls.key.password")}`);
  const shown = admin.describeConfig(entity).settings.find(({ name }) => name === "tls.key.password");
  log(`everybody else: ${shown?.value}`);

  // 1,000 bytes a second for each client of alice; 11 seconds' worth may come at once.
  const alice = { type: "users", name: "alice", client: null } as const;
  await admin.alterConfigs([{ entity: alice, changes: [{ op: "set", name: "producer_byte_rate", value: "1000" }] }]);
  const quotas = new Quotas(agent.image, client.clock);
  const holdMs = quotas.take("producer_byte_rate", { user: "alice", client: "app" }, 13_000);
  log(`hold back for ${Math.round(holdMs / 1_000)} s`);

  settings.close();
  await agent.shutdown();
}

/** AES-256-GCM. In a real one the key comes from where keys are kept. */
const key = randomBytes(32);
const sealer: Sealer = {
  seal(plain, context) {
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(context));
    const text = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), text]).toString("base64");
  },
  open(sealed, context) {
    const bytes = Buffer.from(sealed, "base64");
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
  },
};
