# The documented source build: `npx node-gyp rebuild` calls cargo and leaves build/Release/servable.node, where the loader looks.
# The published packages hold no binding.gyp and no install script. node-gyp wants Node's headers although nothing here
# compiles C; where it cannot download them: npx node-gyp rebuild --nodedir="$(dirname "$(dirname "$(command -v node)")")"
{
  "targets": [
    {
      "target_name": "servable",
      "type": "none",
      "actions": [
        {
          "action_name": "cargo",
          "message": "cargo build --release -p servable-addon",
          # cargo knows better what changed: the output that is never written makes the action run every time.
          "inputs": ["Cargo.toml"],
          "outputs": ["<(PRODUCT_DIR)/servable.node.always"],
          "action": ["node", "scripts/build-addon.mjs", "<(PRODUCT_DIR)/servable.node"],
        },
      ],
    },
  ],
}
