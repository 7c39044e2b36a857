/**
 * A cluster whose configuration is changed: a server, topics as they are after they were made, and whoever asks for changes, which are decided
 * and written as a controller does it.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { type Client, op } from "@corral/client";
import { startTestServer, type TestServer, type TestServerOptions } from "@corral/testing";
import { type AlterConfigsOptions, type AlteredConfig, alterConfigs } from "../src/config/alter-operation.ts";
import type { ConfigOp } from "../src/config/alteration.ts";
import { type ConfigEntity, entityName } from "../src/config/entity.ts";
import { mergeSchema } from "../src/config/schema.ts";
import type { Sealer } from "../src/config/secret.ts";
import type { Term } from "../src/controller/duty.ts";
import { ClusterImage } from "../src/image/cluster-image.ts";
import { pathsOf } from "../src/layout.ts";
import { type ConfigRecord, configCodec, topicCodec } from "../src/records.ts";

export const PATHS = pathsOf("test");

export const topic = (name: string): ConfigEntity => ({ type: "topics", name });
export const broker = (id: number): ConfigEntity => ({ type: "brokers", name: `${id}` });
export const user = (name: string | null, client?: string | null): ConfigEntity =>
  client === undefined ? { type: "users", name } : { type: "users", name, client };
export const client = (name: string | null): ConfigEntity => ({ type: "clients", name });
export const set = (name: string, value: string): ConfigOp => ({ op: "set", name, value });
export const remove = (name: string): ConfigOp => ({ op: "delete", name });

/** Settings of a host, one of each kind beside those of the package. */
export const HOST = mergeSchema({
  "cleanup.policy": { type: "list", default: "delete", scope: "topic", oneOf: ["delete", "compact"], doc: "" },
  "log.retention.ms": { type: "integer", default: "100", scope: "topic", doc: "how long" },
  "log.dir": { type: "string", default: "/data", scope: "read-only", doc: "" },
  "max.connections": { type: "integer", default: "10", scope: "broker", perListener: true, doc: "" },
  "key.password": { type: "password", default: "", scope: "broker", perListener: true, doc: "" },
});

/** As a host would seal: AES-256-GCM, the place as additional data. */
export function aes(key: Uint8Array = randomBytes(32)): Sealer {
  return {
    seal: (plain, context) => {
      const iv = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(context));
      const sealed = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64");
    },
    open: (text, context) => {
      const bytes = Buffer.from(text, "base64");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString();
    },
  };
}

/** `await using` ends it. */
export class Configuring implements AsyncDisposable {
  readonly server: TestServer;
  readonly client: Client;
  readonly image: ClusterImage;
  readonly #options: AlterConfigsOptions;

  constructor(server: TestServer, writer: Client, image: ClusterImage, options: AlterConfigsOptions) {
    this.server = server;
    this.client = writer;
    this.image = image;
    this.#options = options;
  }

  /** An image of another client's. */
  async reader(sessionMs = 6_000): Promise<{ readonly client: Client; readonly image: ClusterImage }> {
    const reader = await this.server.connect({ session: { timeoutMs: sessionMs } });
    return { client: reader, image: await ClusterImage.open(reader, PATHS) };
  }

  /** What the controller would decide; throws `Refused`. */
  decide(args: unknown, by = "alice"): ReturnType<ReturnType<typeof alterConfigs>["decide"]> {
    const term = { image: this.image, client: this.client } as Term;
    return alterConfigs(this.#options).decide(term, args, by);
  }

  /** Resolves when it is written, and in the image. */
  async request(args: unknown, by?: string): Promise<readonly AlteredConfig[]> {
    const { together = [], result } = this.decide(args, by);
    if (together.length > 0) await this.client.multi(together);
    await this.image.atLeast(await this.client.sync());
    return result as readonly AlteredConfig[];
  }

  async alter(entity: ConfigEntity, ...changes: ConfigOp[]): Promise<AlteredConfig> {
    return (await this.request({ alterations: [{ entity, changes }] }))[0]!;
  }

  /** As it stands on the server. */
  stored(entity: ConfigEntity): ConfigRecord | undefined {
    const path = PATHS.configOf(entity.type, entityName(entity));
    const found = this.server.dump().find((one) => one.path === path);
    return found === undefined ? undefined : configCodec.decode(found.data);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}

export async function configuring(
  topics: readonly string[] = [],
  options: AlterConfigsOptions = {},
  ofServer: TestServerOptions = {},
): Promise<Configuring> {
  const server = await startTestServer(ofServer);
  const writer = await server.connect();
  await writer.create(PATHS.topics, null, { parents: true });
  for (let from = 0; from < topics.length; from += 500) {
    await writer.multi(
      topics
        .slice(from, from + 500)
        .map((name) =>
          op.create(
            PATHS.topic(name),
            { name, id: `id-of-${name}`, state: "live", partitions: 1, replicationFactor: 1, growth: null } as const,
            { codec: topicCodec },
          ),
        ),
    );
  }
  return new Configuring(server, writer, await ClusterImage.open(writer, PATHS), options);
}
