/** What is said of offsets that cannot be changed, since somebody has the partition. */

/** `NODE_EXISTS`, with the path of the claim, becomes words of operators. */
export async function sayWhoHasIt<T>(change: () => Promise<T>): Promise<T> {
  const { CorralError, isCorralError } = await import("@corral/client");
  try {
    return await change();
  } catch (error) {
    const [, topic, partition] =
      (isCorralError(error, "NODE_EXISTS") && /\/own\/([^/]+)\/(\d+)$/.exec(error.path ?? "")) || [];
    if (topic === undefined || !isCorralError(error)) throw error;
    const means = `a consumer of the group has ${decodeURIComponent(topic)}:${partition}: stop those first`;
    throw new CorralError("NODE_EXISTS", { op: "offsets", outcome: "no", means, cause: error });
  }
}
