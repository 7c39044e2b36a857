// The `preinstall` guard: `npm install` would build a second node_modules beside the lockfile. Says what to do instead.
const installer = process.env.npm_config_user_agent ?? "";
if (!installer.startsWith("pnpm/")) {
  console.error(
    "\nThis workspace is installed by pnpm: `npm start` and `npm test` bring it along, `npm run setup` only installs.\n",
  );
  process.exit(1);
}
