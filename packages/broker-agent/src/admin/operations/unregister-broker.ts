/** Takes a broker that is not coming back out of the cluster: its registration, if there is one, and its configuration. */
import { op, type Operation } from "@corral/client";
import { entityName } from "../../config/entity.ts";
import { flagAt, integerAt, recordAt } from "../arguments.ts";
import { BROKER_ID_MAX } from "../../check.ts";
import type { AdminOperation } from "../operation.ts";
import { Refused } from "../refusal.ts";

export const unregisterBroker: AdminOperation = {
  name: "unregisterBroker",
  decide({ image }, args) {
    const fields = recordAt(args, "args");
    const id = integerAt(fields["broker"], "broker");
    const isForced = flagAt(fields["force"], "force");
    if (id < 0 || id > BROKER_ID_MAX) throw new Refused("UNKNOWN_BROKER", `no broker can be ${id}`);
    const kept = [...image.keptBy(id)].length;
    if (kept > 0 && !isForced) {
      throw new Refused("BROKER_STILL_HAS_REPLICAS", `broker ${id} keeps ${kept} replicas: reassign them, or force it`);
    }
    const entity = entityName({ type: "brokers", name: String(id) });
    const together: Operation<unknown>[] = [];
    if (image.broker(id) !== undefined) together.push(op.delete(image.paths.broker(id)));
    if (image.config("brokers", entity) !== undefined)
      together.push(op.delete(image.paths.configOf("brokers", entity)));
    if (together.length === 0 && kept === 0) throw new Refused("UNKNOWN_BROKER", `nothing is known of broker ${id}`);
    return { together, result: { replicas: kept } };
  },
};
