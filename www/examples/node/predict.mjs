// Answers one record with a bundle on disk or on a server, and says why.
//
//   node predict.mjs models/loan-approval/bundle '{ "income": 42000, "loan_amount": 9000, "age": 41, "employment_gap": 0 }'
import { load } from "nearside";

const [folder, json] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node predict.mjs FOLDER_OR_URL [RECORD_AS_JSON]");
  process.exit(2);
}

const model = await load(folder);
// Without a record, the example of each feature is answered.
const record = json ? JSON.parse(json) : Object.fromEntries(model.manifest.features.map(({ name, example }) => [name, example]));
const prediction = await model.predict(record);
const { text } = await model.explain(prediction);
console.log(JSON.stringify({ ...prediction, why: text }, null, 2));
model.dispose();
