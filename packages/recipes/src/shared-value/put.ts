/** Writing a znode whether it is there or not: the last one to write wins. */
import { type Client, type Codec, CorralError, type Deadline, type Guard, isCorralError } from "@corral/client";

/** A znode that appears or vanishes between the look at it and the write: so many times. */
const PUT_TRIES_MAX = 10;

/** Resolves with the zxid of the write. Missing parents are made. */
export async function put<T>(
  client: Client,
  path: string,
  value: T,
  how: { readonly op: string; readonly codec: Codec<T>; readonly guard?: Guard | readonly Guard[] | undefined },
  deadline: Deadline,
): Promise<number> {
  const { op, codec, guard } = how;
  for (let tries = 0; tries < PUT_TRIES_MAX; tries++) {
    try {
      const { mzxid } = await client.set(path, value, { ...deadline.rest(), codec, guard });
      return mzxid;
    } catch (error) {
      if (!isCorralError(error, "NO_NODE")) throw error;
    }
    try {
      const { stat } = await client.create(path, value, { ...deadline.rest(), codec, guard, parents: true });
      return stat.mzxid;
    } catch (error) {
      if (!isCorralError(error, "NODE_EXISTS")) throw error;
    }
  }
  throw new CorralError("OVERLOADED", {
    op,
    detail: { path, name: "putTries", limit: PUT_TRIES_MAX },
    means: "others created and deleted it in between each time",
  });
}
