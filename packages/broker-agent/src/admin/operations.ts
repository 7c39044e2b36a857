/** The table of what a controller can be asked for, by name. */
import { alterConfigs } from "../config/alter-operation.ts";
import type { AdminOperation } from "./operation.ts";
import { createTopics } from "./operations/create-topics.ts";
import { deleteTopics } from "./operations/delete-topics.ts";
import { electLeaders } from "./operations/elect-leaders.ts";
import { createPartitions } from "./operations/grow-topics.ts";
import type { OperationOptions } from "./operations/options.ts";
import { alterPartitionReassignments } from "./operations/reassign.ts";
import { unregisterBroker } from "./operations/unregister-broker.ts";
import { updateFeatures } from "./operations/update-features.ts";

export type { OperationOptions } from "./operations/options.ts";

/** RangeError for two of one name. */
export function adminOperations(options: OperationOptions = {}): ReadonlyMap<string, AdminOperation> {
  const table = new Map<string, AdminOperation>();
  const own = [
    createTopics(options),
    createPartitions(options),
    deleteTopics,
    electLeaders,
    alterPartitionReassignments,
    unregisterBroker,
    updateFeatures,
    alterConfigs(options),
  ];
  for (const operation of [...own, ...(options.more ?? [])]) {
    if (table.has(operation.name)) throw new RangeError(`operation '${operation.name}' is there twice`);
    table.set(operation.name, operation);
  }
  return table;
}
