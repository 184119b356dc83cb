//! The proto files keep the rules that other languages' tools expect (those of `buf lint`, STANDARD and COMMENTS), and the
//! descriptor set serves reflection.

use lockstep_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use std::collections::BTreeSet;

fn files() -> Vec<FileDescriptorProto> {
    FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file
}

fn screaming(name: &str) -> String {
    let mut text = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

fn is_snake(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[test]
fn files_are_in_their_package() {
    for file in files() {
        assert_eq!(file.package(), "lockstep.v1", "{}", file.name());
        assert!(file.name().starts_with("lockstep/v1/"), "{}", file.name());
        assert_eq!(file.syntax(), "proto3", "{}", file.name());
    }
}

#[test]
fn each_call_has_a_request_and_a_response_of_its_own() {
    let mut seen = BTreeSet::new();
    for service in files().iter().flat_map(|file| &file.service) {
        assert!(service.name().ends_with("Service"), "{}", service.name());
        for method in &service.method {
            for (found, suffix) in [(method.input_type(), "Request"), (method.output_type(), "Response")] {
                assert_eq!(found, format!(".lockstep.v1.{}{suffix}", method.name()));
                assert!(seen.insert(found.to_owned()), "{found} is used twice");
            }
        }
    }
}

#[test]
fn enums_have_prefixed_values_and_an_unspecified_zero() {
    let check = |item: &EnumDescriptorProto| {
        let prefix = screaming(item.name());
        assert_eq!(item.value[0].name(), format!("{prefix}_UNSPECIFIED"));
        assert_eq!(item.value[0].number(), 0);
        for value in &item.value {
            assert!(value.name().starts_with(&format!("{prefix}_")), "{}", value.name());
        }
    };
    files().iter().flat_map(|file| &file.enum_type).for_each(check);
}

#[test]
fn mutating_requests_have_a_request_id() {
    let reads = ["Get", "List", "Watch", "Renew"];
    for file in files().iter().filter(|file| !file.name().ends_with("/peer.proto")) {
        for method in file.service.iter().flat_map(|service| &service.method) {
            let is_read = reads.iter().any(|read| method.name().starts_with(read));
            let request =
                |message: &&DescriptorProto| method.input_type().ends_with(&format!(".{}", message.name()));
            let request = file.message_type.iter().find(request).unwrap();
            let has_id = request.field.iter().any(|field| field.name() == "request_id" && field.number() == 1);
            assert_eq!(has_id, !is_read, "{}", request.name());
        }
    }
}

/// In the public files: the peers' one is not for others.
#[test]
fn everything_public_is_explained() {
    for file in files().iter().filter(|file| !file.name().ends_with("/peer.proto")) {
        let described: BTreeSet<Vec<i32>> = file
            .source_code_info
            .iter()
            .flat_map(|info| &info.location)
            .filter(|location| !location.leading_comments().trim().is_empty())
            .map(|location| location.path.clone())
            .collect();
        for (path, name) in items(file) {
            assert!(described.contains(&path), "{}: {name} has no comment", file.name());
            assert!(is_snake(name.rsplit('.').next().unwrap()) || path.len() == 2 || path[0] != 4, "{name}");
        }
    }
}

/// Paths as in `SourceCodeInfo`: messages are 4 and their fields 2, enums 5 and their values 2, services 6 and their calls 2.
fn items(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    let mut items = Vec::new();
    let mut add = |kind: i32, index: usize, name: &str, members: Vec<&str>| {
        let index = i32::try_from(index).unwrap();
        items.push((vec![kind, index], name.to_owned()));
        let member = |(place, member): (usize, &str)| {
            (vec![kind, index, 2, i32::try_from(place).unwrap()], format!("{name}.{member}"))
        };
        items.extend(members.into_iter().enumerate().map(member));
    };
    for (index, item) in file.message_type.iter().enumerate() {
        add(4, index, item.name(), item.field.iter().map(|field| field.name()).collect());
    }
    for (index, item) in file.enum_type.iter().enumerate() {
        add(5, index, item.name(), item.value.iter().map(|value| value.name()).collect());
    }
    for (index, item) in file.service.iter().enumerate() {
        add(6, index, item.name(), item.method.iter().map(|method| method.name()).collect());
    }
    items
}

#[test]
fn reflection_serves_the_descriptor_set() {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .unwrap();
}
