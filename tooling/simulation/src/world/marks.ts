/** What the world itself, its server, its log and its wire are hoped to reach. */
export const WORLD_MARKS = ["a program was killed and came back"] as const;
