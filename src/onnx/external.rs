//! Weights that a model keeps in files beside its own, brought into it.

use super::check::visit_constants_mut;
use crate::error::{Error, ErrorKind, Result};
use prost::Message;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{ModelProto, TensorProto};

/// Reads a model file; weights in other files of its folder are brought into it.
///
/// Fails with `invalid-model`, naming tensor and file, where such a file is missing or too short, or lies outside of
/// the folder; and with `io` where the model itself cannot be read. Bytes that are no model come back as they are.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).map_err(|error| Error::from(error).place(path.display()))?;
    let Ok(mut model) = ModelProto::decode(bytes.as_slice()) else { return Ok(bytes) };
    let Some(graph) = model.graph.as_mut() else { return Ok(bytes) };
    let folder = path.parent().unwrap_or(Path::new("."));
    let (mut found, mut failed) = (false, None);
    visit_constants_mut(graph, &mut |tensor| {
        if failed.is_none() && tensor.data_location == Some(DataLocation::External as i32) {
            found = true;
            failed = bring(tensor, folder).err().map(|error| error.item(&tensor.name));
        }
    });
    match failed {
        Some(error) => Err(error),
        None if found => Ok(model.encode_to_vec()),
        None => Ok(bytes),
    }
}

fn bring(tensor: &mut TensorProto, folder: &Path) -> Result<()> {
    let stated = |key: &str| tensor.external_data.iter().find(|pair| pair.key == key).map(|pair| pair.value.as_str());
    let broken = |why: String, help: &str| Err(Error::new(ErrorKind::InvalidModel, why).help(help));
    let Some(location) = stated("location") else {
        return broken("its values are in another file, which is not named".into(), "export the model again");
    };
    if !Path::new(location).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return broken(
            format!("its values are in {location}, outside of the folder of the model"),
            "keep the file beside the model",
        );
    }
    let number = |key: &str| stated(key).map(str::parse::<u64>).transpose();
    let (Ok(offset), Ok(length)) = (number("offset"), number("length")) else {
        return broken(format!("offset or length in {location} is no number"), "export the model again");
    };
    let path = folder.join(location);
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(offset.unwrap_or_default()))?;
        let mut bytes = Vec::new();
        match length {
            Some(length) => file.take(length).read_to_end(&mut bytes)?,
            None => file.read_to_end(&mut bytes)?,
        };
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if length.is_none_or(|length| bytes.len() as u64 == length) => {
            tensor.raw_data = bytes;
            tensor.external_data.clear();
            tensor.data_location = Some(DataLocation::Default as i32);
            Ok(())
        }
        Ok(bytes) => {
            let why = format!("{} of {} bytes are in {}", bytes.len(), length.unwrap_or_default(), path.display());
            broken(why, "the file is cut short; copy it again")
        }
        Err(error) => broken(format!("{} cannot be read: {error}", path.display()), "put the file beside the model"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{GraphProto, NodeProto, StringStringEntryProto};

    fn model(location: &str, length: &str) -> Vec<u8> {
        let pair = |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
        let tensor = TensorProto {
            name: "w".into(),
            dims: vec![2],
            data_type: 1,
            data_location: Some(DataLocation::External as i32),
            external_data: vec![pair("location", location), pair("offset", "4"), pair("length", length)],
            ..TensorProto::default()
        };
        let graph = GraphProto { node: vec![NodeProto::default()], initializer: vec![tensor], ..GraphProto::default() };
        ModelProto { graph: Some(graph), ..ModelProto::default() }.encode_to_vec()
    }

    #[test]
    fn weights_come_from_beside_the_model_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        std::fs::write(folder.path().join("w.data"), [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        std::fs::write(&path, model("w.data", "8")).unwrap();
        let whole = ModelProto::decode(read_file(&path).unwrap().as_slice()).unwrap();
        assert_eq!(whole.graph.unwrap().initializer[0].raw_data, [1, 2, 3, 4, 5, 6, 7, 8]);
        for (location, length, words) in [
            ("w.data", "9", "8 of 9 bytes"),
            ("no.data", "8", "cannot be read"),
            ("../w.data", "8", "outside of the folder"),
            ("/etc/passwd", "8", "outside of the folder"),
            ("w.data", "x", "no number"),
        ] {
            std::fs::write(&path, model(location, length)).unwrap();
            let text = read_file(&path).unwrap_err().to_string();
            assert!(text.contains(words) && text.contains('w'), "{text}");
        }
        std::fs::write(&path, b"no model").unwrap();
        assert_eq!(read_file(&path).unwrap(), b"no model");
    }
}
