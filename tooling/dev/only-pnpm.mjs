// A plain `npm install` here would make a second, wrong node_modules: say what to do instead.
if (!/^pnpm\//.test(process.env.npm_config_user_agent ?? "")) {
  console.error("\nThis workspace installs with pnpm. Run `npm start` or `npm test`: both bring the pinned pnpm.\n");
  process.exit(1);
}
