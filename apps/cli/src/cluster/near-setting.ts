/** A setting that there is not, told with the nearest one that there is. */
import type { ConfigType } from "@corral/broker-agent";
import { didYouMean } from "../nearest.ts";

/** `names`: those that were to be set. Only settings of the package are known here: whether there are others, the controller has decided. */
export async function sayNearest<T>(type: ConfigType, names: readonly string[], change: () => Promise<T>): Promise<T> {
  const { isAdminError, QUOTAS, SETTINGS } = await import("@corral/broker-agent");
  try {
    return await change();
  } catch (error) {
    if (!isAdminError(error, "INVALID_CONFIG")) throw error;
    const known = Object.keys(type === "topics" || type === "brokers" ? SETTINGS : QUOTAS);
    const unknown = names.find((name) => error.message.includes(`there is no setting '${name}'`));
    const near = unknown === undefined ? "" : didYouMean(unknown, known);
    if (near === "") throw error;
    throw Object.assign(new Error(`${error.message}${near}`, { cause: error }), { code: error.code });
  }
}
