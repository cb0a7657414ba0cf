// Prints what the Khronos glTF validator says of a file as JSON: node validate.js FILE
// The module "gltf-validator" is found through NODE_PATH.
const fs = require("fs");
const validator = require("gltf-validator");

validator
  .validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])), {maxIssues: 100})
  .then((report) => console.log(JSON.stringify({version: validator.version(), issues: report.issues, info: report.info})))
  .catch((error) => { console.error(String(error)); process.exit(1); });
