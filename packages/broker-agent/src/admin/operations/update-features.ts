/** Finalizes the levels of features that all brokers act by. KIP-584. */
import { op } from "@corral/client";
import type { ClusterImage } from "../../image/cluster-image.ts";
import { FEATURES_MAX } from "../../host/limits.ts";
import { clusterCodec } from "../../records.ts";
import { flagAt, integerAt, recordAt } from "../arguments.ts";
import type { AdminOperation } from "../operation.ts";
import { Refused } from "../refusal.ts";

export const updateFeatures: AdminOperation = {
  name: "updateFeatures",
  decide({ image }, args) {
    const { cluster } = image;
    if (cluster === undefined) throw new Refused("FEATURE_UPDATE_FAILED", "the cluster has no record of its own");
    const features = new Map(Object.entries(cluster.features));
    for (const [name, update] of Object.entries(recordAt(recordAt(args, "args")["updates"], "updates"))) {
      const fields = recordAt(update, `updates.${name}`);
      const level = integerAt(fields["level"], `updates.${name}.level`);
      const before = features.get(name) ?? 0;
      if (level < 0) throw new Refused("FEATURE_UPDATE_FAILED", `level of '${name}' is ${level}, not 0 or above`);
      if (level < before && !flagAt(fields["allowDowngrade"], `updates.${name}.allowDowngrade`)) {
        throw new Refused("FEATURE_UPDATE_FAILED", `'${name}' is at level ${before}: ${level} would be a downgrade`);
      }
      if (level > 0) checkSupport(image, name, level);
      if (level === 0) features.delete(name);
      else features.set(name, level);
    }
    if (features.size > FEATURES_MAX) {
      throw new Refused(
        "LIMIT_EXCEEDED",
        `the cluster would have ${features.size} features, more than ${FEATURES_MAX}`,
      );
    }
    const result = Object.fromEntries(features);
    const record = { ...cluster, features: result };
    return { together: [op.set(image.paths.cluster, record, { codec: clusterCodec })], result: { features: result } };
  },
};

/** A broker that is away is asked when it comes: it finds that it cannot act by the level, and stays away. */
function checkSupport(image: ClusterImage, name: string, level: number): void {
  for (const { id, features } of image.brokers()) {
    const range = Object.hasOwn(features, name) ? features[name] : undefined;
    if (range !== undefined && range.min <= level && level <= range.max) continue;
    const has = range === undefined ? "does not know it" : `supports ${range.min} to ${range.max}`;
    throw new Refused("FEATURE_UPDATE_FAILED", `'${name}' at level ${level}: broker ${id} ${has}`);
  }
}
