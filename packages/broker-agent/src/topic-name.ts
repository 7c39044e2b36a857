/** What a topic may be called. Names that differ in `.` and `_` only collide, since metrics of the two could not be told apart. */

export const TOPIC_NAME_MAX = 249;

const LEGAL = /^[a-zA-Z0-9._-]+$/;

/** RangeError that says which rule a name breaks. */
export function checkTopicName(name: string): void {
  if (name === "") throw new RangeError("topic name is empty");
  if (name === "." || name === "..") throw new RangeError(`topic name '${name}' is a path, not a name`);
  if (name.length > TOPIC_NAME_MAX) {
    throw new RangeError(`topic name has ${name.length} characters, more than ${TOPIC_NAME_MAX}`);
  }
  if (!LEGAL.test(name)) throw new RangeError(`topic name '${name}' has characters other than a-z A-Z 0-9 . _ -`);
}

/** The same for names that collide, and only for them. */
export function collisionKey(name: string): string {
  return name.replaceAll(".", "_");
}

/** The first of `existing` that `name` collides with; the same name is one too. */
export function collidingTopic(name: string, existing: Iterable<string>): string | undefined {
  const key = collisionKey(name);
  for (const other of existing) if (collisionKey(other) === key) return other;
  return undefined;
}
