/** What is seldom done and was where bugs were found elsewhere: reserved znodes, quotas, very large requests, very many watches. */
import { op } from "@corral/client";
import { between, oneOf } from "@corral/testing/world";
import { tagData } from "../../../check/witness.ts";
import { MAX_RECORD_BYTES } from "../../../world/plan.ts";
import { statFields } from "../actor.ts";
import type { Act } from "./paths.ts";
import { created, plainResult, tagged } from "./writes.ts";

/** Znodes that belong to the server, as a user who knows no better treats them. */
export const reserved: Act = ({ actor, draw, tag }) => {
  const { client } = actor;
  const path = oneOf(draw, ["/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"]);
  const shape = draw();
  if (shape < 0.5)
    return actor.call(
      "delete",
      path,
      tag,
      () => client.delete(path, tagged(tag)),
      (count) => count,
    );
  if (shape < 0.8) return actor.call("set", path, tag, () => client.set(path, tagData(tag, 0)), statFields);
  return actor.call(
    "multi",
    "",
    tag,
    () => client.multi(draw() < 0.5 ? [] : [op.set("/", tagData(tag, 0)), op.delete(path)], tagged(tag)),
    (results) => (results as readonly unknown[]).map(plainResult),
  );
};

const LIMITS = "/zookeeper/quota/w/q/zookeeper_limits";

/** A hard limit on what is below /w/q comes, changes, and goes. */
export const quota: Act = ({ actor, draw, tag }) => {
  const { client } = actor;
  const text = `count=-1,bytes=-1=;countHardLimit=${between(draw, 2, 12)};byteHardLimit=${between(draw, 100, 2_000)}`;
  const data = Buffer.from(text);
  const shape = draw();
  if (shape < 0.5)
    return actor.call(
      "create",
      LIMITS,
      tag,
      () => client.create(LIMITS, data, { parents: true, ...tagged(tag) }),
      created,
    );
  if (shape < 0.8) return actor.call("set", LIMITS, tag, () => client.set(LIMITS, data, tagged(tag)), statFields);
  return actor.call(
    "delete",
    LIMITS,
    tag,
    () => client.delete(LIMITS, tagged(tag)),
    (count) => count,
  );
};

/** A value about as large as a request may be. Only where the log holds what the server takes. */
export const large: Act = async ({ actor, draw, tag }) => {
  const bytes = actor.stage.plan.limits.requestBytes ?? Number.POSITIVE_INFINITY;
  if (bytes + RECORD_EXTRA_BYTES > MAX_RECORD_BYTES) return;
  const data = tagData(tag, between(draw, bytes - 200, bytes + 100));
  await actor.call("set", "/w/c", tag, () => actor.client.set("/w/c", data), statFields);
};
/** What a record holds beside the request. */
const RECORD_EXTRA_BYTES = 1_024;

/** So many watches that one request cannot set all of them again. */
export const watchMany: Act = async ({ actor, draw }) => {
  const from = between(draw, 0, 1) * MANY;
  for (let i = from; i < from + MANY; i++) {
    const path = `/w/${"long-".repeat(48)}${i}`;
    const wait = actor.waitFor(path, "znode");
    void actor.call(
      "stat",
      path,
      undefined,
      async () => wait.set((await actor.client.stat(path, { watch: wait.watch }))?.mzxid ?? 0, undefined),
      () => undefined,
    );
  }
};
const MANY = 150;
