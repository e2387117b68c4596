impl serde::Serialize for Container {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.name.is_empty() {
            len += 1;
        }
        if !self.uri.is_empty() {
            len += 1;
        }
        if !self.image_id.is_empty() {
            len += 1;
        }
        if !self.labels.is_empty() {
            len += 1;
        }
        if self.create_time.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.Container", len)?;
        if !self.name.is_empty() {
            struct_ser.serialize_field("name", &self.name)?;
        }
        if !self.uri.is_empty() {
            struct_ser.serialize_field("uri", &self.uri)?;
        }
        if !self.image_id.is_empty() {
            struct_ser.serialize_field("imageId", &self.image_id)?;
        }
        if !self.labels.is_empty() {
            struct_ser.serialize_field("labels", &self.labels)?;
        }
        if let Some(v) = self.create_time.as_ref() {
            struct_ser.serialize_field("createTime", v)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Container {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "name",
            "uri",
            "image_id",
            "imageId",
            "labels",
            "create_time",
            "createTime",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Name,
            Uri,
            ImageId,
            Labels,
            CreateTime,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "name" => Ok(GeneratedField::Name),
                            "uri" => Ok(GeneratedField::Uri),
                            "imageId" | "image_id" => Ok(GeneratedField::ImageId),
                            "labels" => Ok(GeneratedField::Labels),
                            "createTime" | "create_time" => Ok(GeneratedField::CreateTime),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Container;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.Container")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Container, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut name__ = None;
                let mut uri__ = None;
                let mut image_id__ = None;
                let mut labels__ = None;
                let mut create_time__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Name => {
                            if name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("name"));
                            }
                            name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Uri => {
                            if uri__.is_some() {
                                return Err(serde::de::Error::duplicate_field("uri"));
                            }
                            uri__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ImageId => {
                            if image_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("imageId"));
                            }
                            image_id__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Labels => {
                            if labels__.is_some() {
                                return Err(serde::de::Error::duplicate_field("labels"));
                            }
                            labels__ = Some(map_.next_value()?);
                        }
                        GeneratedField::CreateTime => {
                            if create_time__.is_some() {
                                return Err(serde::de::Error::duplicate_field("createTime"));
                            }
                            create_time__ = map_.next_value()?;
                        }
                    }
                }
                Ok(Container {
                    name: name__.unwrap_or_default(),
                    uri: uri__.unwrap_or_default(),
                    image_id: image_id__.unwrap_or_default(),
                    labels: labels__.unwrap_or_default(),
                    create_time: create_time__,
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.Container", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for CreateFindingRequest {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.parent.is_empty() {
            len += 1;
        }
        if !self.finding_id.is_empty() {
            len += 1;
        }
        if self.finding.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.CreateFindingRequest", len)?;
        if !self.parent.is_empty() {
            struct_ser.serialize_field("parent", &self.parent)?;
        }
        if !self.finding_id.is_empty() {
            struct_ser.serialize_field("findingId", &self.finding_id)?;
        }
        if let Some(v) = self.finding.as_ref() {
            struct_ser.serialize_field("finding", v)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for CreateFindingRequest {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "parent",
            "finding_id",
            "findingId",
            "finding",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Parent,
            FindingId,
            Finding,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "parent" => Ok(GeneratedField::Parent),
                            "findingId" | "finding_id" => Ok(GeneratedField::FindingId),
                            "finding" => Ok(GeneratedField::Finding),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = CreateFindingRequest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.CreateFindingRequest")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<CreateFindingRequest, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut parent__ = None;
                let mut finding_id__ = None;
                let mut finding__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Parent => {
                            if parent__.is_some() {
                                return Err(serde::de::Error::duplicate_field("parent"));
                            }
                            parent__ = Some(map_.next_value()?);
                        }
                        GeneratedField::FindingId => {
                            if finding_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("findingId"));
                            }
                            finding_id__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Finding => {
                            if finding__.is_some() {
                                return Err(serde::de::Error::duplicate_field("finding"));
                            }
                            finding__ = map_.next_value()?;
                        }
                    }
                }
                Ok(CreateFindingRequest {
                    parent: parent__.unwrap_or_default(),
                    finding_id: finding_id__.unwrap_or_default(),
                    finding: finding__,
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.CreateFindingRequest", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for EnvironmentVariable {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.name.is_empty() {
            len += 1;
        }
        if !self.val.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.EnvironmentVariable", len)?;
        if !self.name.is_empty() {
            struct_ser.serialize_field("name", &self.name)?;
        }
        if !self.val.is_empty() {
            struct_ser.serialize_field("val", &self.val)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for EnvironmentVariable {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "name",
            "val",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Name,
            Val,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "name" => Ok(GeneratedField::Name),
                            "val" => Ok(GeneratedField::Val),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = EnvironmentVariable;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.EnvironmentVariable")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<EnvironmentVariable, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut name__ = None;
                let mut val__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Name => {
                            if name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("name"));
                            }
                            name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Val => {
                            if val__.is_some() {
                                return Err(serde::de::Error::duplicate_field("val"));
                            }
                            val__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(EnvironmentVariable {
                    name: name__.unwrap_or_default(),
                    val: val__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.EnvironmentVariable", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for File {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.path.is_empty() {
            len += 1;
        }
        if self.size != 0 {
            len += 1;
        }
        if !self.sha256.is_empty() {
            len += 1;
        }
        if self.hashed_size != 0 {
            len += 1;
        }
        if self.partially_hashed {
            len += 1;
        }
        if !self.contents.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.File", len)?;
        if !self.path.is_empty() {
            struct_ser.serialize_field("path", &self.path)?;
        }
        if self.size != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("size", ToString::to_string(&self.size).as_str())?;
        }
        if !self.sha256.is_empty() {
            struct_ser.serialize_field("sha256", &self.sha256)?;
        }
        if self.hashed_size != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("hashedSize", ToString::to_string(&self.hashed_size).as_str())?;
        }
        if self.partially_hashed {
            struct_ser.serialize_field("partiallyHashed", &self.partially_hashed)?;
        }
        if !self.contents.is_empty() {
            struct_ser.serialize_field("contents", &self.contents)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for File {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "path",
            "size",
            "sha256",
            "hashed_size",
            "hashedSize",
            "partially_hashed",
            "partiallyHashed",
            "contents",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Path,
            Size,
            Sha256,
            HashedSize,
            PartiallyHashed,
            Contents,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "path" => Ok(GeneratedField::Path),
                            "size" => Ok(GeneratedField::Size),
                            "sha256" => Ok(GeneratedField::Sha256),
                            "hashedSize" | "hashed_size" => Ok(GeneratedField::HashedSize),
                            "partiallyHashed" | "partially_hashed" => Ok(GeneratedField::PartiallyHashed),
                            "contents" => Ok(GeneratedField::Contents),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = File;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.File")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<File, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut path__ = None;
                let mut size__ = None;
                let mut sha256__ = None;
                let mut hashed_size__ = None;
                let mut partially_hashed__ = None;
                let mut contents__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Path => {
                            if path__.is_some() {
                                return Err(serde::de::Error::duplicate_field("path"));
                            }
                            path__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Size => {
                            if size__.is_some() {
                                return Err(serde::de::Error::duplicate_field("size"));
                            }
                            size__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Sha256 => {
                            if sha256__.is_some() {
                                return Err(serde::de::Error::duplicate_field("sha256"));
                            }
                            sha256__ = Some(map_.next_value()?);
                        }
                        GeneratedField::HashedSize => {
                            if hashed_size__.is_some() {
                                return Err(serde::de::Error::duplicate_field("hashedSize"));
                            }
                            hashed_size__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::PartiallyHashed => {
                            if partially_hashed__.is_some() {
                                return Err(serde::de::Error::duplicate_field("partiallyHashed"));
                            }
                            partially_hashed__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Contents => {
                            if contents__.is_some() {
                                return Err(serde::de::Error::duplicate_field("contents"));
                            }
                            contents__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(File {
                    path: path__.unwrap_or_default(),
                    size: size__.unwrap_or_default(),
                    sha256: sha256__.unwrap_or_default(),
                    hashed_size: hashed_size__.unwrap_or_default(),
                    partially_hashed: partially_hashed__.unwrap_or_default(),
                    contents: contents__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.File", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Finding {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.name.is_empty() {
            len += 1;
        }
        if !self.canonical_name.is_empty() {
            len += 1;
        }
        if !self.parent.is_empty() {
            len += 1;
        }
        if !self.resource_name.is_empty() {
            len += 1;
        }
        if self.state != 0 {
            len += 1;
        }
        if !self.category.is_empty() {
            len += 1;
        }
        if !self.external_uri.is_empty() {
            len += 1;
        }
        if !self.source_properties.is_empty() {
            len += 1;
        }
        if self.event_time.is_some() {
            len += 1;
        }
        if self.create_time.is_some() {
            len += 1;
        }
        if self.severity != 0 {
            len += 1;
        }
        if self.mute != 0 {
            len += 1;
        }
        if self.finding_class != 0 {
            len += 1;
        }
        if self.indicator.is_some() {
            len += 1;
        }
        if self.mitre_attack.is_some() {
            len += 1;
        }
        if !self.processes.is_empty() {
            len += 1;
        }
        if !self.parent_display_name.is_empty() {
            len += 1;
        }
        if !self.description.is_empty() {
            len += 1;
        }
        if !self.next_steps.is_empty() {
            len += 1;
        }
        if !self.module_name.is_empty() {
            len += 1;
        }
        if !self.containers.is_empty() {
            len += 1;
        }
        if self.kubernetes.is_some() {
            len += 1;
        }
        if !self.files.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.Finding", len)?;
        if !self.name.is_empty() {
            struct_ser.serialize_field("name", &self.name)?;
        }
        if !self.canonical_name.is_empty() {
            struct_ser.serialize_field("canonicalName", &self.canonical_name)?;
        }
        if !self.parent.is_empty() {
            struct_ser.serialize_field("parent", &self.parent)?;
        }
        if !self.resource_name.is_empty() {
            struct_ser.serialize_field("resourceName", &self.resource_name)?;
        }
        if self.state != 0 {
            let v = finding::State::try_from(self.state)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.state)))?;
            struct_ser.serialize_field("state", &v)?;
        }
        if !self.category.is_empty() {
            struct_ser.serialize_field("category", &self.category)?;
        }
        if !self.external_uri.is_empty() {
            struct_ser.serialize_field("externalUri", &self.external_uri)?;
        }
        if !self.source_properties.is_empty() {
            struct_ser.serialize_field("sourceProperties", &self.source_properties)?;
        }
        if let Some(v) = self.event_time.as_ref() {
            struct_ser.serialize_field("eventTime", v)?;
        }
        if let Some(v) = self.create_time.as_ref() {
            struct_ser.serialize_field("createTime", v)?;
        }
        if self.severity != 0 {
            let v = finding::Severity::try_from(self.severity)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.severity)))?;
            struct_ser.serialize_field("severity", &v)?;
        }
        if self.mute != 0 {
            let v = finding::Mute::try_from(self.mute)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.mute)))?;
            struct_ser.serialize_field("mute", &v)?;
        }
        if self.finding_class != 0 {
            let v = finding::FindingClass::try_from(self.finding_class)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.finding_class)))?;
            struct_ser.serialize_field("findingClass", &v)?;
        }
        if let Some(v) = self.indicator.as_ref() {
            struct_ser.serialize_field("indicator", v)?;
        }
        if let Some(v) = self.mitre_attack.as_ref() {
            struct_ser.serialize_field("mitreAttack", v)?;
        }
        if !self.processes.is_empty() {
            struct_ser.serialize_field("processes", &self.processes)?;
        }
        if !self.parent_display_name.is_empty() {
            struct_ser.serialize_field("parentDisplayName", &self.parent_display_name)?;
        }
        if !self.description.is_empty() {
            struct_ser.serialize_field("description", &self.description)?;
        }
        if !self.next_steps.is_empty() {
            struct_ser.serialize_field("nextSteps", &self.next_steps)?;
        }
        if !self.module_name.is_empty() {
            struct_ser.serialize_field("moduleName", &self.module_name)?;
        }
        if !self.containers.is_empty() {
            struct_ser.serialize_field("containers", &self.containers)?;
        }
        if let Some(v) = self.kubernetes.as_ref() {
            struct_ser.serialize_field("kubernetes", v)?;
        }
        if !self.files.is_empty() {
            struct_ser.serialize_field("files", &self.files)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Finding {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "name",
            "canonical_name",
            "canonicalName",
            "parent",
            "resource_name",
            "resourceName",
            "state",
            "category",
            "external_uri",
            "externalUri",
            "source_properties",
            "sourceProperties",
            "event_time",
            "eventTime",
            "create_time",
            "createTime",
            "severity",
            "mute",
            "finding_class",
            "findingClass",
            "indicator",
            "mitre_attack",
            "mitreAttack",
            "processes",
            "parent_display_name",
            "parentDisplayName",
            "description",
            "next_steps",
            "nextSteps",
            "module_name",
            "moduleName",
            "containers",
            "kubernetes",
            "files",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Name,
            CanonicalName,
            Parent,
            ResourceName,
            State,
            Category,
            ExternalUri,
            SourceProperties,
            EventTime,
            CreateTime,
            Severity,
            Mute,
            FindingClass,
            Indicator,
            MitreAttack,
            Processes,
            ParentDisplayName,
            Description,
            NextSteps,
            ModuleName,
            Containers,
            Kubernetes,
            Files,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "name" => Ok(GeneratedField::Name),
                            "canonicalName" | "canonical_name" => Ok(GeneratedField::CanonicalName),
                            "parent" => Ok(GeneratedField::Parent),
                            "resourceName" | "resource_name" => Ok(GeneratedField::ResourceName),
                            "state" => Ok(GeneratedField::State),
                            "category" => Ok(GeneratedField::Category),
                            "externalUri" | "external_uri" => Ok(GeneratedField::ExternalUri),
                            "sourceProperties" | "source_properties" => Ok(GeneratedField::SourceProperties),
                            "eventTime" | "event_time" => Ok(GeneratedField::EventTime),
                            "createTime" | "create_time" => Ok(GeneratedField::CreateTime),
                            "severity" => Ok(GeneratedField::Severity),
                            "mute" => Ok(GeneratedField::Mute),
                            "findingClass" | "finding_class" => Ok(GeneratedField::FindingClass),
                            "indicator" => Ok(GeneratedField::Indicator),
                            "mitreAttack" | "mitre_attack" => Ok(GeneratedField::MitreAttack),
                            "processes" => Ok(GeneratedField::Processes),
                            "parentDisplayName" | "parent_display_name" => Ok(GeneratedField::ParentDisplayName),
                            "description" => Ok(GeneratedField::Description),
                            "nextSteps" | "next_steps" => Ok(GeneratedField::NextSteps),
                            "moduleName" | "module_name" => Ok(GeneratedField::ModuleName),
                            "containers" => Ok(GeneratedField::Containers),
                            "kubernetes" => Ok(GeneratedField::Kubernetes),
                            "files" => Ok(GeneratedField::Files),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Finding;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.Finding")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Finding, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut name__ = None;
                let mut canonical_name__ = None;
                let mut parent__ = None;
                let mut resource_name__ = None;
                let mut state__ = None;
                let mut category__ = None;
                let mut external_uri__ = None;
                let mut source_properties__ = None;
                let mut event_time__ = None;
                let mut create_time__ = None;
                let mut severity__ = None;
                let mut mute__ = None;
                let mut finding_class__ = None;
                let mut indicator__ = None;
                let mut mitre_attack__ = None;
                let mut processes__ = None;
                let mut parent_display_name__ = None;
                let mut description__ = None;
                let mut next_steps__ = None;
                let mut module_name__ = None;
                let mut containers__ = None;
                let mut kubernetes__ = None;
                let mut files__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Name => {
                            if name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("name"));
                            }
                            name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::CanonicalName => {
                            if canonical_name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("canonicalName"));
                            }
                            canonical_name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Parent => {
                            if parent__.is_some() {
                                return Err(serde::de::Error::duplicate_field("parent"));
                            }
                            parent__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ResourceName => {
                            if resource_name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("resourceName"));
                            }
                            resource_name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::State => {
                            if state__.is_some() {
                                return Err(serde::de::Error::duplicate_field("state"));
                            }
                            state__ = Some(map_.next_value::<finding::State>()? as i32);
                        }
                        GeneratedField::Category => {
                            if category__.is_some() {
                                return Err(serde::de::Error::duplicate_field("category"));
                            }
                            category__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ExternalUri => {
                            if external_uri__.is_some() {
                                return Err(serde::de::Error::duplicate_field("externalUri"));
                            }
                            external_uri__ = Some(map_.next_value()?);
                        }
                        GeneratedField::SourceProperties => {
                            if source_properties__.is_some() {
                                return Err(serde::de::Error::duplicate_field("sourceProperties"));
                            }
                            source_properties__ = Some(
                                map_.next_value::<std::collections::BTreeMap<_, _>>()?
                            );
                        }
                        GeneratedField::EventTime => {
                            if event_time__.is_some() {
                                return Err(serde::de::Error::duplicate_field("eventTime"));
                            }
                            event_time__ = map_.next_value()?;
                        }
                        GeneratedField::CreateTime => {
                            if create_time__.is_some() {
                                return Err(serde::de::Error::duplicate_field("createTime"));
                            }
                            create_time__ = map_.next_value()?;
                        }
                        GeneratedField::Severity => {
                            if severity__.is_some() {
                                return Err(serde::de::Error::duplicate_field("severity"));
                            }
                            severity__ = Some(map_.next_value::<finding::Severity>()? as i32);
                        }
                        GeneratedField::Mute => {
                            if mute__.is_some() {
                                return Err(serde::de::Error::duplicate_field("mute"));
                            }
                            mute__ = Some(map_.next_value::<finding::Mute>()? as i32);
                        }
                        GeneratedField::FindingClass => {
                            if finding_class__.is_some() {
                                return Err(serde::de::Error::duplicate_field("findingClass"));
                            }
                            finding_class__ = Some(map_.next_value::<finding::FindingClass>()? as i32);
                        }
                        GeneratedField::Indicator => {
                            if indicator__.is_some() {
                                return Err(serde::de::Error::duplicate_field("indicator"));
                            }
                            indicator__ = map_.next_value()?;
                        }
                        GeneratedField::MitreAttack => {
                            if mitre_attack__.is_some() {
                                return Err(serde::de::Error::duplicate_field("mitreAttack"));
                            }
                            mitre_attack__ = map_.next_value()?;
                        }
                        GeneratedField::Processes => {
                            if processes__.is_some() {
                                return Err(serde::de::Error::duplicate_field("processes"));
                            }
                            processes__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ParentDisplayName => {
                            if parent_display_name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("parentDisplayName"));
                            }
                            parent_display_name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Description => {
                            if description__.is_some() {
                                return Err(serde::de::Error::duplicate_field("description"));
                            }
                            description__ = Some(map_.next_value()?);
                        }
                        GeneratedField::NextSteps => {
                            if next_steps__.is_some() {
                                return Err(serde::de::Error::duplicate_field("nextSteps"));
                            }
                            next_steps__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ModuleName => {
                            if module_name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("moduleName"));
                            }
                            module_name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Containers => {
                            if containers__.is_some() {
                                return Err(serde::de::Error::duplicate_field("containers"));
                            }
                            containers__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Kubernetes => {
                            if kubernetes__.is_some() {
                                return Err(serde::de::Error::duplicate_field("kubernetes"));
                            }
                            kubernetes__ = map_.next_value()?;
                        }
                        GeneratedField::Files => {
                            if files__.is_some() {
                                return Err(serde::de::Error::duplicate_field("files"));
                            }
                            files__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Finding {
                    name: name__.unwrap_or_default(),
                    canonical_name: canonical_name__.unwrap_or_default(),
                    parent: parent__.unwrap_or_default(),
                    resource_name: resource_name__.unwrap_or_default(),
                    state: state__.unwrap_or_default(),
                    category: category__.unwrap_or_default(),
                    external_uri: external_uri__.unwrap_or_default(),
                    source_properties: source_properties__.unwrap_or_default(),
                    event_time: event_time__,
                    create_time: create_time__,
                    severity: severity__.unwrap_or_default(),
                    mute: mute__.unwrap_or_default(),
                    finding_class: finding_class__.unwrap_or_default(),
                    indicator: indicator__,
                    mitre_attack: mitre_attack__,
                    processes: processes__.unwrap_or_default(),
                    parent_display_name: parent_display_name__.unwrap_or_default(),
                    description: description__.unwrap_or_default(),
                    next_steps: next_steps__.unwrap_or_default(),
                    module_name: module_name__.unwrap_or_default(),
                    containers: containers__.unwrap_or_default(),
                    kubernetes: kubernetes__,
                    files: files__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.Finding", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for finding::FindingClass {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "FINDING_CLASS_UNSPECIFIED",
            Self::Threat => "THREAT",
            Self::Vulnerability => "VULNERABILITY",
            Self::Misconfiguration => "MISCONFIGURATION",
            Self::Observation => "OBSERVATION",
            Self::SccError => "SCC_ERROR",
            Self::PostureViolation => "POSTURE_VIOLATION",
            Self::ToxicCombination => "TOXIC_COMBINATION",
            Self::SensitiveDataRisk => "SENSITIVE_DATA_RISK",
            Self::Chokepoint => "CHOKEPOINT",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for finding::FindingClass {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "FINDING_CLASS_UNSPECIFIED",
            "THREAT",
            "VULNERABILITY",
            "MISCONFIGURATION",
            "OBSERVATION",
            "SCC_ERROR",
            "POSTURE_VIOLATION",
            "TOXIC_COMBINATION",
            "SENSITIVE_DATA_RISK",
            "CHOKEPOINT",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = finding::FindingClass;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "FINDING_CLASS_UNSPECIFIED" => Ok(finding::FindingClass::Unspecified),
                    "THREAT" => Ok(finding::FindingClass::Threat),
                    "VULNERABILITY" => Ok(finding::FindingClass::Vulnerability),
                    "MISCONFIGURATION" => Ok(finding::FindingClass::Misconfiguration),
                    "OBSERVATION" => Ok(finding::FindingClass::Observation),
                    "SCC_ERROR" => Ok(finding::FindingClass::SccError),
                    "POSTURE_VIOLATION" => Ok(finding::FindingClass::PostureViolation),
                    "TOXIC_COMBINATION" => Ok(finding::FindingClass::ToxicCombination),
                    "SENSITIVE_DATA_RISK" => Ok(finding::FindingClass::SensitiveDataRisk),
                    "CHOKEPOINT" => Ok(finding::FindingClass::Chokepoint),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for finding::Mute {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "MUTE_UNSPECIFIED",
            Self::Muted => "MUTED",
            Self::Unmuted => "UNMUTED",
            Self::Undefined => "UNDEFINED",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for finding::Mute {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "MUTE_UNSPECIFIED",
            "MUTED",
            "UNMUTED",
            "UNDEFINED",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = finding::Mute;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "MUTE_UNSPECIFIED" => Ok(finding::Mute::Unspecified),
                    "MUTED" => Ok(finding::Mute::Muted),
                    "UNMUTED" => Ok(finding::Mute::Unmuted),
                    "UNDEFINED" => Ok(finding::Mute::Undefined),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for finding::Severity {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "SEVERITY_UNSPECIFIED",
            Self::Critical => "CRITICAL",
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for finding::Severity {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "SEVERITY_UNSPECIFIED",
            "CRITICAL",
            "HIGH",
            "MEDIUM",
            "LOW",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = finding::Severity;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "SEVERITY_UNSPECIFIED" => Ok(finding::Severity::Unspecified),
                    "CRITICAL" => Ok(finding::Severity::Critical),
                    "HIGH" => Ok(finding::Severity::High),
                    "MEDIUM" => Ok(finding::Severity::Medium),
                    "LOW" => Ok(finding::Severity::Low),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for finding::State {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "STATE_UNSPECIFIED",
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for finding::State {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "STATE_UNSPECIFIED",
            "ACTIVE",
            "INACTIVE",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = finding::State;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "STATE_UNSPECIFIED" => Ok(finding::State::Unspecified),
                    "ACTIVE" => Ok(finding::State::Active),
                    "INACTIVE" => Ok(finding::State::Inactive),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for Indicator {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.ip_addresses.is_empty() {
            len += 1;
        }
        if !self.domains.is_empty() {
            len += 1;
        }
        if !self.uris.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.Indicator", len)?;
        if !self.ip_addresses.is_empty() {
            struct_ser.serialize_field("ipAddresses", &self.ip_addresses)?;
        }
        if !self.domains.is_empty() {
            struct_ser.serialize_field("domains", &self.domains)?;
        }
        if !self.uris.is_empty() {
            struct_ser.serialize_field("uris", &self.uris)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Indicator {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "ip_addresses",
            "ipAddresses",
            "domains",
            "uris",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            IpAddresses,
            Domains,
            Uris,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "ipAddresses" | "ip_addresses" => Ok(GeneratedField::IpAddresses),
                            "domains" => Ok(GeneratedField::Domains),
                            "uris" => Ok(GeneratedField::Uris),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Indicator;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.Indicator")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Indicator, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut ip_addresses__ = None;
                let mut domains__ = None;
                let mut uris__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::IpAddresses => {
                            if ip_addresses__.is_some() {
                                return Err(serde::de::Error::duplicate_field("ipAddresses"));
                            }
                            ip_addresses__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Domains => {
                            if domains__.is_some() {
                                return Err(serde::de::Error::duplicate_field("domains"));
                            }
                            domains__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Uris => {
                            if uris__.is_some() {
                                return Err(serde::de::Error::duplicate_field("uris"));
                            }
                            uris__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Indicator {
                    ip_addresses: ip_addresses__.unwrap_or_default(),
                    domains: domains__.unwrap_or_default(),
                    uris: uris__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.Indicator", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Kubernetes {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.pods.is_empty() {
            len += 1;
        }
        if !self.nodes.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.Kubernetes", len)?;
        if !self.pods.is_empty() {
            struct_ser.serialize_field("pods", &self.pods)?;
        }
        if !self.nodes.is_empty() {
            struct_ser.serialize_field("nodes", &self.nodes)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Kubernetes {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "pods",
            "nodes",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Pods,
            Nodes,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "pods" => Ok(GeneratedField::Pods),
                            "nodes" => Ok(GeneratedField::Nodes),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Kubernetes;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.Kubernetes")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Kubernetes, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut pods__ = None;
                let mut nodes__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Pods => {
                            if pods__.is_some() {
                                return Err(serde::de::Error::duplicate_field("pods"));
                            }
                            pods__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Nodes => {
                            if nodes__.is_some() {
                                return Err(serde::de::Error::duplicate_field("nodes"));
                            }
                            nodes__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Kubernetes {
                    pods: pods__.unwrap_or_default(),
                    nodes: nodes__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.Kubernetes", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for kubernetes::Node {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.name.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.Kubernetes.Node", len)?;
        if !self.name.is_empty() {
            struct_ser.serialize_field("name", &self.name)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for kubernetes::Node {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "name",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Name,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "name" => Ok(GeneratedField::Name),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = kubernetes::Node;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.Kubernetes.Node")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<kubernetes::Node, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut name__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Name => {
                            if name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("name"));
                            }
                            name__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(kubernetes::Node {
                    name: name__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.Kubernetes.Node", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for kubernetes::Pod {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.ns.is_empty() {
            len += 1;
        }
        if !self.name.is_empty() {
            len += 1;
        }
        if !self.labels.is_empty() {
            len += 1;
        }
        if !self.containers.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.Kubernetes.Pod", len)?;
        if !self.ns.is_empty() {
            struct_ser.serialize_field("ns", &self.ns)?;
        }
        if !self.name.is_empty() {
            struct_ser.serialize_field("name", &self.name)?;
        }
        if !self.labels.is_empty() {
            struct_ser.serialize_field("labels", &self.labels)?;
        }
        if !self.containers.is_empty() {
            struct_ser.serialize_field("containers", &self.containers)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for kubernetes::Pod {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "ns",
            "name",
            "labels",
            "containers",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Ns,
            Name,
            Labels,
            Containers,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "ns" => Ok(GeneratedField::Ns),
                            "name" => Ok(GeneratedField::Name),
                            "labels" => Ok(GeneratedField::Labels),
                            "containers" => Ok(GeneratedField::Containers),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = kubernetes::Pod;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.Kubernetes.Pod")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<kubernetes::Pod, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut ns__ = None;
                let mut name__ = None;
                let mut labels__ = None;
                let mut containers__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Ns => {
                            if ns__.is_some() {
                                return Err(serde::de::Error::duplicate_field("ns"));
                            }
                            ns__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Name => {
                            if name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("name"));
                            }
                            name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Labels => {
                            if labels__.is_some() {
                                return Err(serde::de::Error::duplicate_field("labels"));
                            }
                            labels__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Containers => {
                            if containers__.is_some() {
                                return Err(serde::de::Error::duplicate_field("containers"));
                            }
                            containers__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(kubernetes::Pod {
                    ns: ns__.unwrap_or_default(),
                    name: name__.unwrap_or_default(),
                    labels: labels__.unwrap_or_default(),
                    containers: containers__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.Kubernetes.Pod", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Label {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.name.is_empty() {
            len += 1;
        }
        if !self.value.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.Label", len)?;
        if !self.name.is_empty() {
            struct_ser.serialize_field("name", &self.name)?;
        }
        if !self.value.is_empty() {
            struct_ser.serialize_field("value", &self.value)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Label {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "name",
            "value",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Name,
            Value,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "name" => Ok(GeneratedField::Name),
                            "value" => Ok(GeneratedField::Value),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Label;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.Label")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Label, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut name__ = None;
                let mut value__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Name => {
                            if name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("name"));
                            }
                            name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Value => {
                            if value__.is_some() {
                                return Err(serde::de::Error::duplicate_field("value"));
                            }
                            value__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Label {
                    name: name__.unwrap_or_default(),
                    value: value__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.Label", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for MitreAttack {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.primary_tactic != 0 {
            len += 1;
        }
        if !self.primary_techniques.is_empty() {
            len += 1;
        }
        if !self.additional_tactics.is_empty() {
            len += 1;
        }
        if !self.additional_techniques.is_empty() {
            len += 1;
        }
        if !self.version.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.MitreAttack", len)?;
        if self.primary_tactic != 0 {
            let v = mitre_attack::Tactic::try_from(self.primary_tactic)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.primary_tactic)))?;
            struct_ser.serialize_field("primaryTactic", &v)?;
        }
        if !self.primary_techniques.is_empty() {
            let v = self.primary_techniques.iter().cloned().map(|v| {
                mitre_attack::Technique::try_from(v)
                    .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", v)))
                }).collect::<std::result::Result<Vec<_>, _>>()?;
            struct_ser.serialize_field("primaryTechniques", &v)?;
        }
        if !self.additional_tactics.is_empty() {
            let v = self.additional_tactics.iter().cloned().map(|v| {
                mitre_attack::Tactic::try_from(v)
                    .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", v)))
                }).collect::<std::result::Result<Vec<_>, _>>()?;
            struct_ser.serialize_field("additionalTactics", &v)?;
        }
        if !self.additional_techniques.is_empty() {
            let v = self.additional_techniques.iter().cloned().map(|v| {
                mitre_attack::Technique::try_from(v)
                    .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", v)))
                }).collect::<std::result::Result<Vec<_>, _>>()?;
            struct_ser.serialize_field("additionalTechniques", &v)?;
        }
        if !self.version.is_empty() {
            struct_ser.serialize_field("version", &self.version)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for MitreAttack {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "primary_tactic",
            "primaryTactic",
            "primary_techniques",
            "primaryTechniques",
            "additional_tactics",
            "additionalTactics",
            "additional_techniques",
            "additionalTechniques",
            "version",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            PrimaryTactic,
            PrimaryTechniques,
            AdditionalTactics,
            AdditionalTechniques,
            Version,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "primaryTactic" | "primary_tactic" => Ok(GeneratedField::PrimaryTactic),
                            "primaryTechniques" | "primary_techniques" => Ok(GeneratedField::PrimaryTechniques),
                            "additionalTactics" | "additional_tactics" => Ok(GeneratedField::AdditionalTactics),
                            "additionalTechniques" | "additional_techniques" => Ok(GeneratedField::AdditionalTechniques),
                            "version" => Ok(GeneratedField::Version),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = MitreAttack;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.MitreAttack")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<MitreAttack, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut primary_tactic__ = None;
                let mut primary_techniques__ = None;
                let mut additional_tactics__ = None;
                let mut additional_techniques__ = None;
                let mut version__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::PrimaryTactic => {
                            if primary_tactic__.is_some() {
                                return Err(serde::de::Error::duplicate_field("primaryTactic"));
                            }
                            primary_tactic__ = Some(map_.next_value::<mitre_attack::Tactic>()? as i32);
                        }
                        GeneratedField::PrimaryTechniques => {
                            if primary_techniques__.is_some() {
                                return Err(serde::de::Error::duplicate_field("primaryTechniques"));
                            }
                            primary_techniques__ = Some(map_.next_value::<Vec<mitre_attack::Technique>>()?.into_iter().map(|x| x as i32).collect());
                        }
                        GeneratedField::AdditionalTactics => {
                            if additional_tactics__.is_some() {
                                return Err(serde::de::Error::duplicate_field("additionalTactics"));
                            }
                            additional_tactics__ = Some(map_.next_value::<Vec<mitre_attack::Tactic>>()?.into_iter().map(|x| x as i32).collect());
                        }
                        GeneratedField::AdditionalTechniques => {
                            if additional_techniques__.is_some() {
                                return Err(serde::de::Error::duplicate_field("additionalTechniques"));
                            }
                            additional_techniques__ = Some(map_.next_value::<Vec<mitre_attack::Technique>>()?.into_iter().map(|x| x as i32).collect());
                        }
                        GeneratedField::Version => {
                            if version__.is_some() {
                                return Err(serde::de::Error::duplicate_field("version"));
                            }
                            version__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(MitreAttack {
                    primary_tactic: primary_tactic__.unwrap_or_default(),
                    primary_techniques: primary_techniques__.unwrap_or_default(),
                    additional_tactics: additional_tactics__.unwrap_or_default(),
                    additional_techniques: additional_techniques__.unwrap_or_default(),
                    version: version__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.MitreAttack", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for mitre_attack::Tactic {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "TACTIC_UNSPECIFIED",
            Self::Reconnaissance => "RECONNAISSANCE",
            Self::ResourceDevelopment => "RESOURCE_DEVELOPMENT",
            Self::InitialAccess => "INITIAL_ACCESS",
            Self::Execution => "EXECUTION",
            Self::Persistence => "PERSISTENCE",
            Self::PrivilegeEscalation => "PRIVILEGE_ESCALATION",
            Self::DefenseEvasion => "DEFENSE_EVASION",
            Self::CredentialAccess => "CREDENTIAL_ACCESS",
            Self::Discovery => "DISCOVERY",
            Self::LateralMovement => "LATERAL_MOVEMENT",
            Self::Collection => "COLLECTION",
            Self::CommandAndControl => "COMMAND_AND_CONTROL",
            Self::Exfiltration => "EXFILTRATION",
            Self::Impact => "IMPACT",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for mitre_attack::Tactic {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "TACTIC_UNSPECIFIED",
            "RECONNAISSANCE",
            "RESOURCE_DEVELOPMENT",
            "INITIAL_ACCESS",
            "EXECUTION",
            "PERSISTENCE",
            "PRIVILEGE_ESCALATION",
            "DEFENSE_EVASION",
            "CREDENTIAL_ACCESS",
            "DISCOVERY",
            "LATERAL_MOVEMENT",
            "COLLECTION",
            "COMMAND_AND_CONTROL",
            "EXFILTRATION",
            "IMPACT",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = mitre_attack::Tactic;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "TACTIC_UNSPECIFIED" => Ok(mitre_attack::Tactic::Unspecified),
                    "RECONNAISSANCE" => Ok(mitre_attack::Tactic::Reconnaissance),
                    "RESOURCE_DEVELOPMENT" => Ok(mitre_attack::Tactic::ResourceDevelopment),
                    "INITIAL_ACCESS" => Ok(mitre_attack::Tactic::InitialAccess),
                    "EXECUTION" => Ok(mitre_attack::Tactic::Execution),
                    "PERSISTENCE" => Ok(mitre_attack::Tactic::Persistence),
                    "PRIVILEGE_ESCALATION" => Ok(mitre_attack::Tactic::PrivilegeEscalation),
                    "DEFENSE_EVASION" => Ok(mitre_attack::Tactic::DefenseEvasion),
                    "CREDENTIAL_ACCESS" => Ok(mitre_attack::Tactic::CredentialAccess),
                    "DISCOVERY" => Ok(mitre_attack::Tactic::Discovery),
                    "LATERAL_MOVEMENT" => Ok(mitre_attack::Tactic::LateralMovement),
                    "COLLECTION" => Ok(mitre_attack::Tactic::Collection),
                    "COMMAND_AND_CONTROL" => Ok(mitre_attack::Tactic::CommandAndControl),
                    "EXFILTRATION" => Ok(mitre_attack::Tactic::Exfiltration),
                    "IMPACT" => Ok(mitre_attack::Tactic::Impact),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for mitre_attack::Technique {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "TECHNIQUE_UNSPECIFIED",
            Self::DataObfuscation => "DATA_OBFUSCATION",
            Self::DataObfuscationSteganography => "DATA_OBFUSCATION_STEGANOGRAPHY",
            Self::OsCredentialDumping => "OS_CREDENTIAL_DUMPING",
            Self::OsCredentialDumpingProcFilesystem => "OS_CREDENTIAL_DUMPING_PROC_FILESYSTEM",
            Self::OsCredentialDumpingEtcPasswordAndEtcShadow => "OS_CREDENTIAL_DUMPING_ETC_PASSWORD_AND_ETC_SHADOW",
            Self::DataFromLocalSystem => "DATA_FROM_LOCAL_SYSTEM",
            Self::AutomatedExfiltration => "AUTOMATED_EXFILTRATION",
            Self::ObfuscatedFilesOrInfo => "OBFUSCATED_FILES_OR_INFO",
            Self::Steganography => "STEGANOGRAPHY",
            Self::CompileAfterDelivery => "COMPILE_AFTER_DELIVERY",
            Self::CommandObfuscation => "COMMAND_OBFUSCATION",
            Self::ScheduledTransfer => "SCHEDULED_TRANSFER",
            Self::SystemOwnerUserDiscovery => "SYSTEM_OWNER_USER_DISCOVERY",
            Self::Masquerading => "MASQUERADING",
            Self::MatchLegitimateNameOrLocation => "MATCH_LEGITIMATE_NAME_OR_LOCATION",
            Self::BootOrLogonInitializationScripts => "BOOT_OR_LOGON_INITIALIZATION_SCRIPTS",
            Self::StartupItems => "STARTUP_ITEMS",
            Self::NetworkServiceDiscovery => "NETWORK_SERVICE_DISCOVERY",
            Self::ScheduledTaskJob => "SCHEDULED_TASK_JOB",
            Self::ScheduledTaskJobCron => "SCHEDULED_TASK_JOB_CRON",
            Self::ContainerOrchestrationJob => "CONTAINER_ORCHESTRATION_JOB",
            Self::ProcessInjection => "PROCESS_INJECTION",
            Self::InputCapture => "INPUT_CAPTURE",
            Self::InputCaptureKeylogging => "INPUT_CAPTURE_KEYLOGGING",
            Self::ProcessDiscovery => "PROCESS_DISCOVERY",
            Self::CommandAndScriptingInterpreter => "COMMAND_AND_SCRIPTING_INTERPRETER",
            Self::UnixShell => "UNIX_SHELL",
            Self::Python => "PYTHON",
            Self::ExploitationForPrivilegeEscalation => "EXPLOITATION_FOR_PRIVILEGE_ESCALATION",
            Self::PermissionGroupsDiscovery => "PERMISSION_GROUPS_DISCOVERY",
            Self::CloudGroups => "CLOUD_GROUPS",
            Self::IndicatorRemoval => "INDICATOR_REMOVAL",
            Self::IndicatorRemovalClearLinuxOrMacSystemLogs => "INDICATOR_REMOVAL_CLEAR_LINUX_OR_MAC_SYSTEM_LOGS",
            Self::IndicatorRemovalClearCommandHistory => "INDICATOR_REMOVAL_CLEAR_COMMAND_HISTORY",
            Self::IndicatorRemovalFileDeletion => "INDICATOR_REMOVAL_FILE_DELETION",
            Self::IndicatorRemovalTimestomp => "INDICATOR_REMOVAL_TIMESTOMP",
            Self::IndicatorRemovalClearMailboxData => "INDICATOR_REMOVAL_CLEAR_MAILBOX_DATA",
            Self::ApplicationLayerProtocol => "APPLICATION_LAYER_PROTOCOL",
            Self::Dns => "DNS",
            Self::SoftwareDeploymentTools => "SOFTWARE_DEPLOYMENT_TOOLS",
            Self::ValidAccounts => "VALID_ACCOUNTS",
            Self::DefaultAccounts => "DEFAULT_ACCOUNTS",
            Self::LocalAccounts => "LOCAL_ACCOUNTS",
            Self::CloudAccounts => "CLOUD_ACCOUNTS",
            Self::FileAndDirectoryDiscovery => "FILE_AND_DIRECTORY_DISCOVERY",
            Self::AccountDiscoveryLocalAccount => "ACCOUNT_DISCOVERY_LOCAL_ACCOUNT",
            Self::Proxy => "PROXY",
            Self::ExternalProxy => "EXTERNAL_PROXY",
            Self::MultiHopProxy => "MULTI_HOP_PROXY",
            Self::AccountManipulation => "ACCOUNT_MANIPULATION",
            Self::AdditionalCloudCredentials => "ADDITIONAL_CLOUD_CREDENTIALS",
            Self::AdditionalCloudRoles => "ADDITIONAL_CLOUD_ROLES",
            Self::SshAuthorizedKeys => "SSH_AUTHORIZED_KEYS",
            Self::AdditionalContainerClusterRoles => "ADDITIONAL_CONTAINER_CLUSTER_ROLES",
            Self::MultiStageChannels => "MULTI_STAGE_CHANNELS",
            Self::IngressToolTransfer => "INGRESS_TOOL_TRANSFER",
            Self::NativeApi => "NATIVE_API",
            Self::BruteForce => "BRUTE_FORCE",
            Self::AutomatedCollection => "AUTOMATED_COLLECTION",
            Self::SharedModules => "SHARED_MODULES",
            Self::DataEncoding => "DATA_ENCODING",
            Self::StandardEncoding => "STANDARD_ENCODING",
            Self::AccessTokenManipulation => "ACCESS_TOKEN_MANIPULATION",
            Self::TokenImpersonationOrTheft => "TOKEN_IMPERSONATION_OR_THEFT",
            Self::CreateAccount => "CREATE_ACCOUNT",
            Self::LocalAccount => "LOCAL_ACCOUNT",
            Self::DeobfuscateDecodeFilesOrInfo => "DEOBFUSCATE_DECODE_FILES_OR_INFO",
            Self::ExploitPublicFacingApplication => "EXPLOIT_PUBLIC_FACING_APPLICATION",
            Self::SupplyChainCompromise => "SUPPLY_CHAIN_COMPROMISE",
            Self::CompromiseSoftwareDependenciesAndDevelopmentTools => "COMPROMISE_SOFTWARE_DEPENDENCIES_AND_DEVELOPMENT_TOOLS",
            Self::ExploitationForClientExecution => "EXPLOITATION_FOR_CLIENT_EXECUTION",
            Self::UserExecution => "USER_EXECUTION",
            Self::LinuxAndMacFileAndDirectoryPermissionsModification => "LINUX_AND_MAC_FILE_AND_DIRECTORY_PERMISSIONS_MODIFICATION",
            Self::DomainPolicyModification => "DOMAIN_POLICY_MODIFICATION",
            Self::DataDestruction => "DATA_DESTRUCTION",
            Self::DataEncryptedForImpact => "DATA_ENCRYPTED_FOR_IMPACT",
            Self::ServiceStop => "SERVICE_STOP",
            Self::InhibitSystemRecovery => "INHIBIT_SYSTEM_RECOVERY",
            Self::FirmwareCorruption => "FIRMWARE_CORRUPTION",
            Self::ResourceHijacking => "RESOURCE_HIJACKING",
            Self::NetworkDenialOfService => "NETWORK_DENIAL_OF_SERVICE",
            Self::CloudServiceDiscovery => "CLOUD_SERVICE_DISCOVERY",
            Self::StealApplicationAccessToken => "STEAL_APPLICATION_ACCESS_TOKEN",
            Self::AccountAccessRemoval => "ACCOUNT_ACCESS_REMOVAL",
            Self::TransferDataToCloudAccount => "TRANSFER_DATA_TO_CLOUD_ACCOUNT",
            Self::StealWebSessionCookie => "STEAL_WEB_SESSION_COOKIE",
            Self::CreateOrModifySystemProcess => "CREATE_OR_MODIFY_SYSTEM_PROCESS",
            Self::EventTriggeredExecution => "EVENT_TRIGGERED_EXECUTION",
            Self::BootOrLogonAutostartExecution => "BOOT_OR_LOGON_AUTOSTART_EXECUTION",
            Self::KernelModulesAndExtensions => "KERNEL_MODULES_AND_EXTENSIONS",
            Self::ShortcutModification => "SHORTCUT_MODIFICATION",
            Self::AbuseElevationControlMechanism => "ABUSE_ELEVATION_CONTROL_MECHANISM",
            Self::AbuseElevationControlMechanismSetuidAndSetgid => "ABUSE_ELEVATION_CONTROL_MECHANISM_SETUID_AND_SETGID",
            Self::AbuseElevationControlMechanismSudoAndSudoCaching => "ABUSE_ELEVATION_CONTROL_MECHANISM_SUDO_AND_SUDO_CACHING",
            Self::UnsecuredCredentials => "UNSECURED_CREDENTIALS",
            Self::CredentialsInFiles => "CREDENTIALS_IN_FILES",
            Self::BashHistory => "BASH_HISTORY",
            Self::PrivateKeys => "PRIVATE_KEYS",
            Self::SubvertTrustControl => "SUBVERT_TRUST_CONTROL",
            Self::InstallRootCertificate => "INSTALL_ROOT_CERTIFICATE",
            Self::CompromiseHostSoftwareBinary => "COMPROMISE_HOST_SOFTWARE_BINARY",
            Self::CredentialsFromPasswordStores => "CREDENTIALS_FROM_PASSWORD_STORES",
            Self::ModifyAuthenticationProcess => "MODIFY_AUTHENTICATION_PROCESS",
            Self::PluggableAuthenticationModules => "PLUGGABLE_AUTHENTICATION_MODULES",
            Self::MultiFactorAuthentication => "MULTI_FACTOR_AUTHENTICATION",
            Self::ImpairDefenses => "IMPAIR_DEFENSES",
            Self::DisableOrModifyTools => "DISABLE_OR_MODIFY_TOOLS",
            Self::IndicatorBlocking => "INDICATOR_BLOCKING",
            Self::DisableOrModifyLinuxAuditSystem => "DISABLE_OR_MODIFY_LINUX_AUDIT_SYSTEM",
            Self::HideArtifacts => "HIDE_ARTIFACTS",
            Self::HiddenFilesAndDirectories => "HIDDEN_FILES_AND_DIRECTORIES",
            Self::HiddenUsers => "HIDDEN_USERS",
            Self::ExfiltrationOverWebService => "EXFILTRATION_OVER_WEB_SERVICE",
            Self::ExfiltrationToCloudStorage => "EXFILTRATION_TO_CLOUD_STORAGE",
            Self::DynamicResolution => "DYNAMIC_RESOLUTION",
            Self::LateralToolTransfer => "LATERAL_TOOL_TRANSFER",
            Self::HijackExecutionFlow => "HIJACK_EXECUTION_FLOW",
            Self::HijackExecutionFlowDynamicLinkerHijacking => "HIJACK_EXECUTION_FLOW_DYNAMIC_LINKER_HIJACKING",
            Self::ModifyCloudComputeInfrastructure => "MODIFY_CLOUD_COMPUTE_INFRASTRUCTURE",
            Self::CreateSnapshot => "CREATE_SNAPSHOT",
            Self::CloudInfrastructureDiscovery => "CLOUD_INFRASTRUCTURE_DISCOVERY",
            Self::DevelopCapabilities => "DEVELOP_CAPABILITIES",
            Self::DevelopCapabilitiesMalware => "DEVELOP_CAPABILITIES_MALWARE",
            Self::ObtainCapabilities => "OBTAIN_CAPABILITIES",
            Self::ObtainCapabilitiesMalware => "OBTAIN_CAPABILITIES_MALWARE",
            Self::ObtainCapabilitiesVulnerabilities => "OBTAIN_CAPABILITIES_VULNERABILITIES",
            Self::ActiveScanning => "ACTIVE_SCANNING",
            Self::ScanningIpBlocks => "SCANNING_IP_BLOCKS",
            Self::StageCapabilities => "STAGE_CAPABILITIES",
            Self::UploadMalware => "UPLOAD_MALWARE",
            Self::ContainerAdministrationCommand => "CONTAINER_ADMINISTRATION_COMMAND",
            Self::DeployContainer => "DEPLOY_CONTAINER",
            Self::EscapeToHost => "ESCAPE_TO_HOST",
            Self::ContainerAndResourceDiscovery => "CONTAINER_AND_RESOURCE_DISCOVERY",
            Self::ReflectiveCodeLoading => "REFLECTIVE_CODE_LOADING",
            Self::StealOrForgeAuthenticationCertificates => "STEAL_OR_FORGE_AUTHENTICATION_CERTIFICATES",
            Self::FinancialTheft => "FINANCIAL_THEFT",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for mitre_attack::Technique {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "TECHNIQUE_UNSPECIFIED",
            "DATA_OBFUSCATION",
            "DATA_OBFUSCATION_STEGANOGRAPHY",
            "OS_CREDENTIAL_DUMPING",
            "OS_CREDENTIAL_DUMPING_PROC_FILESYSTEM",
            "OS_CREDENTIAL_DUMPING_ETC_PASSWORD_AND_ETC_SHADOW",
            "DATA_FROM_LOCAL_SYSTEM",
            "AUTOMATED_EXFILTRATION",
            "OBFUSCATED_FILES_OR_INFO",
            "STEGANOGRAPHY",
            "COMPILE_AFTER_DELIVERY",
            "COMMAND_OBFUSCATION",
            "SCHEDULED_TRANSFER",
            "SYSTEM_OWNER_USER_DISCOVERY",
            "MASQUERADING",
            "MATCH_LEGITIMATE_NAME_OR_LOCATION",
            "BOOT_OR_LOGON_INITIALIZATION_SCRIPTS",
            "STARTUP_ITEMS",
            "NETWORK_SERVICE_DISCOVERY",
            "SCHEDULED_TASK_JOB",
            "SCHEDULED_TASK_JOB_CRON",
            "CONTAINER_ORCHESTRATION_JOB",
            "PROCESS_INJECTION",
            "INPUT_CAPTURE",
            "INPUT_CAPTURE_KEYLOGGING",
            "PROCESS_DISCOVERY",
            "COMMAND_AND_SCRIPTING_INTERPRETER",
            "UNIX_SHELL",
            "PYTHON",
            "EXPLOITATION_FOR_PRIVILEGE_ESCALATION",
            "PERMISSION_GROUPS_DISCOVERY",
            "CLOUD_GROUPS",
            "INDICATOR_REMOVAL",
            "INDICATOR_REMOVAL_CLEAR_LINUX_OR_MAC_SYSTEM_LOGS",
            "INDICATOR_REMOVAL_CLEAR_COMMAND_HISTORY",
            "INDICATOR_REMOVAL_FILE_DELETION",
            "INDICATOR_REMOVAL_TIMESTOMP",
            "INDICATOR_REMOVAL_CLEAR_MAILBOX_DATA",
            "APPLICATION_LAYER_PROTOCOL",
            "DNS",
            "SOFTWARE_DEPLOYMENT_TOOLS",
            "VALID_ACCOUNTS",
            "DEFAULT_ACCOUNTS",
            "LOCAL_ACCOUNTS",
            "CLOUD_ACCOUNTS",
            "FILE_AND_DIRECTORY_DISCOVERY",
            "ACCOUNT_DISCOVERY_LOCAL_ACCOUNT",
            "PROXY",
            "EXTERNAL_PROXY",
            "MULTI_HOP_PROXY",
            "ACCOUNT_MANIPULATION",
            "ADDITIONAL_CLOUD_CREDENTIALS",
            "ADDITIONAL_CLOUD_ROLES",
            "SSH_AUTHORIZED_KEYS",
            "ADDITIONAL_CONTAINER_CLUSTER_ROLES",
            "MULTI_STAGE_CHANNELS",
            "INGRESS_TOOL_TRANSFER",
            "NATIVE_API",
            "BRUTE_FORCE",
            "AUTOMATED_COLLECTION",
            "SHARED_MODULES",
            "DATA_ENCODING",
            "STANDARD_ENCODING",
            "ACCESS_TOKEN_MANIPULATION",
            "TOKEN_IMPERSONATION_OR_THEFT",
            "CREATE_ACCOUNT",
            "LOCAL_ACCOUNT",
            "DEOBFUSCATE_DECODE_FILES_OR_INFO",
            "EXPLOIT_PUBLIC_FACING_APPLICATION",
            "SUPPLY_CHAIN_COMPROMISE",
            "COMPROMISE_SOFTWARE_DEPENDENCIES_AND_DEVELOPMENT_TOOLS",
            "EXPLOITATION_FOR_CLIENT_EXECUTION",
            "USER_EXECUTION",
            "LINUX_AND_MAC_FILE_AND_DIRECTORY_PERMISSIONS_MODIFICATION",
            "DOMAIN_POLICY_MODIFICATION",
            "DATA_DESTRUCTION",
            "DATA_ENCRYPTED_FOR_IMPACT",
            "SERVICE_STOP",
            "INHIBIT_SYSTEM_RECOVERY",
            "FIRMWARE_CORRUPTION",
            "RESOURCE_HIJACKING",
            "NETWORK_DENIAL_OF_SERVICE",
            "CLOUD_SERVICE_DISCOVERY",
            "STEAL_APPLICATION_ACCESS_TOKEN",
            "ACCOUNT_ACCESS_REMOVAL",
            "TRANSFER_DATA_TO_CLOUD_ACCOUNT",
            "STEAL_WEB_SESSION_COOKIE",
            "CREATE_OR_MODIFY_SYSTEM_PROCESS",
            "EVENT_TRIGGERED_EXECUTION",
            "BOOT_OR_LOGON_AUTOSTART_EXECUTION",
            "KERNEL_MODULES_AND_EXTENSIONS",
            "SHORTCUT_MODIFICATION",
            "ABUSE_ELEVATION_CONTROL_MECHANISM",
            "ABUSE_ELEVATION_CONTROL_MECHANISM_SETUID_AND_SETGID",
            "ABUSE_ELEVATION_CONTROL_MECHANISM_SUDO_AND_SUDO_CACHING",
            "UNSECURED_CREDENTIALS",
            "CREDENTIALS_IN_FILES",
            "BASH_HISTORY",
            "PRIVATE_KEYS",
            "SUBVERT_TRUST_CONTROL",
            "INSTALL_ROOT_CERTIFICATE",
            "COMPROMISE_HOST_SOFTWARE_BINARY",
            "CREDENTIALS_FROM_PASSWORD_STORES",
            "MODIFY_AUTHENTICATION_PROCESS",
            "PLUGGABLE_AUTHENTICATION_MODULES",
            "MULTI_FACTOR_AUTHENTICATION",
            "IMPAIR_DEFENSES",
            "DISABLE_OR_MODIFY_TOOLS",
            "INDICATOR_BLOCKING",
            "DISABLE_OR_MODIFY_LINUX_AUDIT_SYSTEM",
            "HIDE_ARTIFACTS",
            "HIDDEN_FILES_AND_DIRECTORIES",
            "HIDDEN_USERS",
            "EXFILTRATION_OVER_WEB_SERVICE",
            "EXFILTRATION_TO_CLOUD_STORAGE",
            "DYNAMIC_RESOLUTION",
            "LATERAL_TOOL_TRANSFER",
            "HIJACK_EXECUTION_FLOW",
            "HIJACK_EXECUTION_FLOW_DYNAMIC_LINKER_HIJACKING",
            "MODIFY_CLOUD_COMPUTE_INFRASTRUCTURE",
            "CREATE_SNAPSHOT",
            "CLOUD_INFRASTRUCTURE_DISCOVERY",
            "DEVELOP_CAPABILITIES",
            "DEVELOP_CAPABILITIES_MALWARE",
            "OBTAIN_CAPABILITIES",
            "OBTAIN_CAPABILITIES_MALWARE",
            "OBTAIN_CAPABILITIES_VULNERABILITIES",
            "ACTIVE_SCANNING",
            "SCANNING_IP_BLOCKS",
            "STAGE_CAPABILITIES",
            "UPLOAD_MALWARE",
            "CONTAINER_ADMINISTRATION_COMMAND",
            "DEPLOY_CONTAINER",
            "ESCAPE_TO_HOST",
            "CONTAINER_AND_RESOURCE_DISCOVERY",
            "REFLECTIVE_CODE_LOADING",
            "STEAL_OR_FORGE_AUTHENTICATION_CERTIFICATES",
            "FINANCIAL_THEFT",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = mitre_attack::Technique;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "TECHNIQUE_UNSPECIFIED" => Ok(mitre_attack::Technique::Unspecified),
                    "DATA_OBFUSCATION" => Ok(mitre_attack::Technique::DataObfuscation),
                    "DATA_OBFUSCATION_STEGANOGRAPHY" => Ok(mitre_attack::Technique::DataObfuscationSteganography),
                    "OS_CREDENTIAL_DUMPING" => Ok(mitre_attack::Technique::OsCredentialDumping),
                    "OS_CREDENTIAL_DUMPING_PROC_FILESYSTEM" => Ok(mitre_attack::Technique::OsCredentialDumpingProcFilesystem),
                    "OS_CREDENTIAL_DUMPING_ETC_PASSWORD_AND_ETC_SHADOW" => Ok(mitre_attack::Technique::OsCredentialDumpingEtcPasswordAndEtcShadow),
                    "DATA_FROM_LOCAL_SYSTEM" => Ok(mitre_attack::Technique::DataFromLocalSystem),
                    "AUTOMATED_EXFILTRATION" => Ok(mitre_attack::Technique::AutomatedExfiltration),
                    "OBFUSCATED_FILES_OR_INFO" => Ok(mitre_attack::Technique::ObfuscatedFilesOrInfo),
                    "STEGANOGRAPHY" => Ok(mitre_attack::Technique::Steganography),
                    "COMPILE_AFTER_DELIVERY" => Ok(mitre_attack::Technique::CompileAfterDelivery),
                    "COMMAND_OBFUSCATION" => Ok(mitre_attack::Technique::CommandObfuscation),
                    "SCHEDULED_TRANSFER" => Ok(mitre_attack::Technique::ScheduledTransfer),
                    "SYSTEM_OWNER_USER_DISCOVERY" => Ok(mitre_attack::Technique::SystemOwnerUserDiscovery),
                    "MASQUERADING" => Ok(mitre_attack::Technique::Masquerading),
                    "MATCH_LEGITIMATE_NAME_OR_LOCATION" => Ok(mitre_attack::Technique::MatchLegitimateNameOrLocation),
                    "BOOT_OR_LOGON_INITIALIZATION_SCRIPTS" => Ok(mitre_attack::Technique::BootOrLogonInitializationScripts),
                    "STARTUP_ITEMS" => Ok(mitre_attack::Technique::StartupItems),
                    "NETWORK_SERVICE_DISCOVERY" => Ok(mitre_attack::Technique::NetworkServiceDiscovery),
                    "SCHEDULED_TASK_JOB" => Ok(mitre_attack::Technique::ScheduledTaskJob),
                    "SCHEDULED_TASK_JOB_CRON" => Ok(mitre_attack::Technique::ScheduledTaskJobCron),
                    "CONTAINER_ORCHESTRATION_JOB" => Ok(mitre_attack::Technique::ContainerOrchestrationJob),
                    "PROCESS_INJECTION" => Ok(mitre_attack::Technique::ProcessInjection),
                    "INPUT_CAPTURE" => Ok(mitre_attack::Technique::InputCapture),
                    "INPUT_CAPTURE_KEYLOGGING" => Ok(mitre_attack::Technique::InputCaptureKeylogging),
                    "PROCESS_DISCOVERY" => Ok(mitre_attack::Technique::ProcessDiscovery),
                    "COMMAND_AND_SCRIPTING_INTERPRETER" => Ok(mitre_attack::Technique::CommandAndScriptingInterpreter),
                    "UNIX_SHELL" => Ok(mitre_attack::Technique::UnixShell),
                    "PYTHON" => Ok(mitre_attack::Technique::Python),
                    "EXPLOITATION_FOR_PRIVILEGE_ESCALATION" => Ok(mitre_attack::Technique::ExploitationForPrivilegeEscalation),
                    "PERMISSION_GROUPS_DISCOVERY" => Ok(mitre_attack::Technique::PermissionGroupsDiscovery),
                    "CLOUD_GROUPS" => Ok(mitre_attack::Technique::CloudGroups),
                    "INDICATOR_REMOVAL" => Ok(mitre_attack::Technique::IndicatorRemoval),
                    "INDICATOR_REMOVAL_CLEAR_LINUX_OR_MAC_SYSTEM_LOGS" => Ok(mitre_attack::Technique::IndicatorRemovalClearLinuxOrMacSystemLogs),
                    "INDICATOR_REMOVAL_CLEAR_COMMAND_HISTORY" => Ok(mitre_attack::Technique::IndicatorRemovalClearCommandHistory),
                    "INDICATOR_REMOVAL_FILE_DELETION" => Ok(mitre_attack::Technique::IndicatorRemovalFileDeletion),
                    "INDICATOR_REMOVAL_TIMESTOMP" => Ok(mitre_attack::Technique::IndicatorRemovalTimestomp),
                    "INDICATOR_REMOVAL_CLEAR_MAILBOX_DATA" => Ok(mitre_attack::Technique::IndicatorRemovalClearMailboxData),
                    "APPLICATION_LAYER_PROTOCOL" => Ok(mitre_attack::Technique::ApplicationLayerProtocol),
                    "DNS" => Ok(mitre_attack::Technique::Dns),
                    "SOFTWARE_DEPLOYMENT_TOOLS" => Ok(mitre_attack::Technique::SoftwareDeploymentTools),
                    "VALID_ACCOUNTS" => Ok(mitre_attack::Technique::ValidAccounts),
                    "DEFAULT_ACCOUNTS" => Ok(mitre_attack::Technique::DefaultAccounts),
                    "LOCAL_ACCOUNTS" => Ok(mitre_attack::Technique::LocalAccounts),
                    "CLOUD_ACCOUNTS" => Ok(mitre_attack::Technique::CloudAccounts),
                    "FILE_AND_DIRECTORY_DISCOVERY" => Ok(mitre_attack::Technique::FileAndDirectoryDiscovery),
                    "ACCOUNT_DISCOVERY_LOCAL_ACCOUNT" => Ok(mitre_attack::Technique::AccountDiscoveryLocalAccount),
                    "PROXY" => Ok(mitre_attack::Technique::Proxy),
                    "EXTERNAL_PROXY" => Ok(mitre_attack::Technique::ExternalProxy),
                    "MULTI_HOP_PROXY" => Ok(mitre_attack::Technique::MultiHopProxy),
                    "ACCOUNT_MANIPULATION" => Ok(mitre_attack::Technique::AccountManipulation),
                    "ADDITIONAL_CLOUD_CREDENTIALS" => Ok(mitre_attack::Technique::AdditionalCloudCredentials),
                    "ADDITIONAL_CLOUD_ROLES" => Ok(mitre_attack::Technique::AdditionalCloudRoles),
                    "SSH_AUTHORIZED_KEYS" => Ok(mitre_attack::Technique::SshAuthorizedKeys),
                    "ADDITIONAL_CONTAINER_CLUSTER_ROLES" => Ok(mitre_attack::Technique::AdditionalContainerClusterRoles),
                    "MULTI_STAGE_CHANNELS" => Ok(mitre_attack::Technique::MultiStageChannels),
                    "INGRESS_TOOL_TRANSFER" => Ok(mitre_attack::Technique::IngressToolTransfer),
                    "NATIVE_API" => Ok(mitre_attack::Technique::NativeApi),
                    "BRUTE_FORCE" => Ok(mitre_attack::Technique::BruteForce),
                    "AUTOMATED_COLLECTION" => Ok(mitre_attack::Technique::AutomatedCollection),
                    "SHARED_MODULES" => Ok(mitre_attack::Technique::SharedModules),
                    "DATA_ENCODING" => Ok(mitre_attack::Technique::DataEncoding),
                    "STANDARD_ENCODING" => Ok(mitre_attack::Technique::StandardEncoding),
                    "ACCESS_TOKEN_MANIPULATION" => Ok(mitre_attack::Technique::AccessTokenManipulation),
                    "TOKEN_IMPERSONATION_OR_THEFT" => Ok(mitre_attack::Technique::TokenImpersonationOrTheft),
                    "CREATE_ACCOUNT" => Ok(mitre_attack::Technique::CreateAccount),
                    "LOCAL_ACCOUNT" => Ok(mitre_attack::Technique::LocalAccount),
                    "DEOBFUSCATE_DECODE_FILES_OR_INFO" => Ok(mitre_attack::Technique::DeobfuscateDecodeFilesOrInfo),
                    "EXPLOIT_PUBLIC_FACING_APPLICATION" => Ok(mitre_attack::Technique::ExploitPublicFacingApplication),
                    "SUPPLY_CHAIN_COMPROMISE" => Ok(mitre_attack::Technique::SupplyChainCompromise),
                    "COMPROMISE_SOFTWARE_DEPENDENCIES_AND_DEVELOPMENT_TOOLS" => Ok(mitre_attack::Technique::CompromiseSoftwareDependenciesAndDevelopmentTools),
                    "EXPLOITATION_FOR_CLIENT_EXECUTION" => Ok(mitre_attack::Technique::ExploitationForClientExecution),
                    "USER_EXECUTION" => Ok(mitre_attack::Technique::UserExecution),
                    "LINUX_AND_MAC_FILE_AND_DIRECTORY_PERMISSIONS_MODIFICATION" => Ok(mitre_attack::Technique::LinuxAndMacFileAndDirectoryPermissionsModification),
                    "DOMAIN_POLICY_MODIFICATION" => Ok(mitre_attack::Technique::DomainPolicyModification),
                    "DATA_DESTRUCTION" => Ok(mitre_attack::Technique::DataDestruction),
                    "DATA_ENCRYPTED_FOR_IMPACT" => Ok(mitre_attack::Technique::DataEncryptedForImpact),
                    "SERVICE_STOP" => Ok(mitre_attack::Technique::ServiceStop),
                    "INHIBIT_SYSTEM_RECOVERY" => Ok(mitre_attack::Technique::InhibitSystemRecovery),
                    "FIRMWARE_CORRUPTION" => Ok(mitre_attack::Technique::FirmwareCorruption),
                    "RESOURCE_HIJACKING" => Ok(mitre_attack::Technique::ResourceHijacking),
                    "NETWORK_DENIAL_OF_SERVICE" => Ok(mitre_attack::Technique::NetworkDenialOfService),
                    "CLOUD_SERVICE_DISCOVERY" => Ok(mitre_attack::Technique::CloudServiceDiscovery),
                    "STEAL_APPLICATION_ACCESS_TOKEN" => Ok(mitre_attack::Technique::StealApplicationAccessToken),
                    "ACCOUNT_ACCESS_REMOVAL" => Ok(mitre_attack::Technique::AccountAccessRemoval),
                    "TRANSFER_DATA_TO_CLOUD_ACCOUNT" => Ok(mitre_attack::Technique::TransferDataToCloudAccount),
                    "STEAL_WEB_SESSION_COOKIE" => Ok(mitre_attack::Technique::StealWebSessionCookie),
                    "CREATE_OR_MODIFY_SYSTEM_PROCESS" => Ok(mitre_attack::Technique::CreateOrModifySystemProcess),
                    "EVENT_TRIGGERED_EXECUTION" => Ok(mitre_attack::Technique::EventTriggeredExecution),
                    "BOOT_OR_LOGON_AUTOSTART_EXECUTION" => Ok(mitre_attack::Technique::BootOrLogonAutostartExecution),
                    "KERNEL_MODULES_AND_EXTENSIONS" => Ok(mitre_attack::Technique::KernelModulesAndExtensions),
                    "SHORTCUT_MODIFICATION" => Ok(mitre_attack::Technique::ShortcutModification),
                    "ABUSE_ELEVATION_CONTROL_MECHANISM" => Ok(mitre_attack::Technique::AbuseElevationControlMechanism),
                    "ABUSE_ELEVATION_CONTROL_MECHANISM_SETUID_AND_SETGID" => Ok(mitre_attack::Technique::AbuseElevationControlMechanismSetuidAndSetgid),
                    "ABUSE_ELEVATION_CONTROL_MECHANISM_SUDO_AND_SUDO_CACHING" => Ok(mitre_attack::Technique::AbuseElevationControlMechanismSudoAndSudoCaching),
                    "UNSECURED_CREDENTIALS" => Ok(mitre_attack::Technique::UnsecuredCredentials),
                    "CREDENTIALS_IN_FILES" => Ok(mitre_attack::Technique::CredentialsInFiles),
                    "BASH_HISTORY" => Ok(mitre_attack::Technique::BashHistory),
                    "PRIVATE_KEYS" => Ok(mitre_attack::Technique::PrivateKeys),
                    "SUBVERT_TRUST_CONTROL" => Ok(mitre_attack::Technique::SubvertTrustControl),
                    "INSTALL_ROOT_CERTIFICATE" => Ok(mitre_attack::Technique::InstallRootCertificate),
                    "COMPROMISE_HOST_SOFTWARE_BINARY" => Ok(mitre_attack::Technique::CompromiseHostSoftwareBinary),
                    "CREDENTIALS_FROM_PASSWORD_STORES" => Ok(mitre_attack::Technique::CredentialsFromPasswordStores),
                    "MODIFY_AUTHENTICATION_PROCESS" => Ok(mitre_attack::Technique::ModifyAuthenticationProcess),
                    "PLUGGABLE_AUTHENTICATION_MODULES" => Ok(mitre_attack::Technique::PluggableAuthenticationModules),
                    "MULTI_FACTOR_AUTHENTICATION" => Ok(mitre_attack::Technique::MultiFactorAuthentication),
                    "IMPAIR_DEFENSES" => Ok(mitre_attack::Technique::ImpairDefenses),
                    "DISABLE_OR_MODIFY_TOOLS" => Ok(mitre_attack::Technique::DisableOrModifyTools),
                    "INDICATOR_BLOCKING" => Ok(mitre_attack::Technique::IndicatorBlocking),
                    "DISABLE_OR_MODIFY_LINUX_AUDIT_SYSTEM" => Ok(mitre_attack::Technique::DisableOrModifyLinuxAuditSystem),
                    "HIDE_ARTIFACTS" => Ok(mitre_attack::Technique::HideArtifacts),
                    "HIDDEN_FILES_AND_DIRECTORIES" => Ok(mitre_attack::Technique::HiddenFilesAndDirectories),
                    "HIDDEN_USERS" => Ok(mitre_attack::Technique::HiddenUsers),
                    "EXFILTRATION_OVER_WEB_SERVICE" => Ok(mitre_attack::Technique::ExfiltrationOverWebService),
                    "EXFILTRATION_TO_CLOUD_STORAGE" => Ok(mitre_attack::Technique::ExfiltrationToCloudStorage),
                    "DYNAMIC_RESOLUTION" => Ok(mitre_attack::Technique::DynamicResolution),
                    "LATERAL_TOOL_TRANSFER" => Ok(mitre_attack::Technique::LateralToolTransfer),
                    "HIJACK_EXECUTION_FLOW" => Ok(mitre_attack::Technique::HijackExecutionFlow),
                    "HIJACK_EXECUTION_FLOW_DYNAMIC_LINKER_HIJACKING" => Ok(mitre_attack::Technique::HijackExecutionFlowDynamicLinkerHijacking),
                    "MODIFY_CLOUD_COMPUTE_INFRASTRUCTURE" => Ok(mitre_attack::Technique::ModifyCloudComputeInfrastructure),
                    "CREATE_SNAPSHOT" => Ok(mitre_attack::Technique::CreateSnapshot),
                    "CLOUD_INFRASTRUCTURE_DISCOVERY" => Ok(mitre_attack::Technique::CloudInfrastructureDiscovery),
                    "DEVELOP_CAPABILITIES" => Ok(mitre_attack::Technique::DevelopCapabilities),
                    "DEVELOP_CAPABILITIES_MALWARE" => Ok(mitre_attack::Technique::DevelopCapabilitiesMalware),
                    "OBTAIN_CAPABILITIES" => Ok(mitre_attack::Technique::ObtainCapabilities),
                    "OBTAIN_CAPABILITIES_MALWARE" => Ok(mitre_attack::Technique::ObtainCapabilitiesMalware),
                    "OBTAIN_CAPABILITIES_VULNERABILITIES" => Ok(mitre_attack::Technique::ObtainCapabilitiesVulnerabilities),
                    "ACTIVE_SCANNING" => Ok(mitre_attack::Technique::ActiveScanning),
                    "SCANNING_IP_BLOCKS" => Ok(mitre_attack::Technique::ScanningIpBlocks),
                    "STAGE_CAPABILITIES" => Ok(mitre_attack::Technique::StageCapabilities),
                    "UPLOAD_MALWARE" => Ok(mitre_attack::Technique::UploadMalware),
                    "CONTAINER_ADMINISTRATION_COMMAND" => Ok(mitre_attack::Technique::ContainerAdministrationCommand),
                    "DEPLOY_CONTAINER" => Ok(mitre_attack::Technique::DeployContainer),
                    "ESCAPE_TO_HOST" => Ok(mitre_attack::Technique::EscapeToHost),
                    "CONTAINER_AND_RESOURCE_DISCOVERY" => Ok(mitre_attack::Technique::ContainerAndResourceDiscovery),
                    "REFLECTIVE_CODE_LOADING" => Ok(mitre_attack::Technique::ReflectiveCodeLoading),
                    "STEAL_OR_FORGE_AUTHENTICATION_CERTIFICATES" => Ok(mitre_attack::Technique::StealOrForgeAuthenticationCertificates),
                    "FINANCIAL_THEFT" => Ok(mitre_attack::Technique::FinancialTheft),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for Process {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.name.is_empty() {
            len += 1;
        }
        if self.binary.is_some() {
            len += 1;
        }
        if !self.libraries.is_empty() {
            len += 1;
        }
        if self.script.is_some() {
            len += 1;
        }
        if !self.args.is_empty() {
            len += 1;
        }
        if self.arguments_truncated {
            len += 1;
        }
        if !self.env_variables.is_empty() {
            len += 1;
        }
        if self.env_variables_truncated {
            len += 1;
        }
        if self.pid != 0 {
            len += 1;
        }
        if self.parent_pid != 0 {
            len += 1;
        }
        if self.user_id != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("google.cloud.securitycenter.v2.Process", len)?;
        if !self.name.is_empty() {
            struct_ser.serialize_field("name", &self.name)?;
        }
        if let Some(v) = self.binary.as_ref() {
            struct_ser.serialize_field("binary", v)?;
        }
        if !self.libraries.is_empty() {
            struct_ser.serialize_field("libraries", &self.libraries)?;
        }
        if let Some(v) = self.script.as_ref() {
            struct_ser.serialize_field("script", v)?;
        }
        if !self.args.is_empty() {
            struct_ser.serialize_field("args", &self.args)?;
        }
        if self.arguments_truncated {
            struct_ser.serialize_field("argumentsTruncated", &self.arguments_truncated)?;
        }
        if !self.env_variables.is_empty() {
            struct_ser.serialize_field("envVariables", &self.env_variables)?;
        }
        if self.env_variables_truncated {
            struct_ser.serialize_field("envVariablesTruncated", &self.env_variables_truncated)?;
        }
        if self.pid != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("pid", ToString::to_string(&self.pid).as_str())?;
        }
        if self.parent_pid != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("parentPid", ToString::to_string(&self.parent_pid).as_str())?;
        }
        if self.user_id != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("userId", ToString::to_string(&self.user_id).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Process {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "name",
            "binary",
            "libraries",
            "script",
            "args",
            "arguments_truncated",
            "argumentsTruncated",
            "env_variables",
            "envVariables",
            "env_variables_truncated",
            "envVariablesTruncated",
            "pid",
            "parent_pid",
            "parentPid",
            "user_id",
            "userId",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Name,
            Binary,
            Libraries,
            Script,
            Args,
            ArgumentsTruncated,
            EnvVariables,
            EnvVariablesTruncated,
            Pid,
            ParentPid,
            UserId,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "name" => Ok(GeneratedField::Name),
                            "binary" => Ok(GeneratedField::Binary),
                            "libraries" => Ok(GeneratedField::Libraries),
                            "script" => Ok(GeneratedField::Script),
                            "args" => Ok(GeneratedField::Args),
                            "argumentsTruncated" | "arguments_truncated" => Ok(GeneratedField::ArgumentsTruncated),
                            "envVariables" | "env_variables" => Ok(GeneratedField::EnvVariables),
                            "envVariablesTruncated" | "env_variables_truncated" => Ok(GeneratedField::EnvVariablesTruncated),
                            "pid" => Ok(GeneratedField::Pid),
                            "parentPid" | "parent_pid" => Ok(GeneratedField::ParentPid),
                            "userId" | "user_id" => Ok(GeneratedField::UserId),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Process;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct google.cloud.securitycenter.v2.Process")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Process, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut name__ = None;
                let mut binary__ = None;
                let mut libraries__ = None;
                let mut script__ = None;
                let mut args__ = None;
                let mut arguments_truncated__ = None;
                let mut env_variables__ = None;
                let mut env_variables_truncated__ = None;
                let mut pid__ = None;
                let mut parent_pid__ = None;
                let mut user_id__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Name => {
                            if name__.is_some() {
                                return Err(serde::de::Error::duplicate_field("name"));
                            }
                            name__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Binary => {
                            if binary__.is_some() {
                                return Err(serde::de::Error::duplicate_field("binary"));
                            }
                            binary__ = map_.next_value()?;
                        }
                        GeneratedField::Libraries => {
                            if libraries__.is_some() {
                                return Err(serde::de::Error::duplicate_field("libraries"));
                            }
                            libraries__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Script => {
                            if script__.is_some() {
                                return Err(serde::de::Error::duplicate_field("script"));
                            }
                            script__ = map_.next_value()?;
                        }
                        GeneratedField::Args => {
                            if args__.is_some() {
                                return Err(serde::de::Error::duplicate_field("args"));
                            }
                            args__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ArgumentsTruncated => {
                            if arguments_truncated__.is_some() {
                                return Err(serde::de::Error::duplicate_field("argumentsTruncated"));
                            }
                            arguments_truncated__ = Some(map_.next_value()?);
                        }
                        GeneratedField::EnvVariables => {
                            if env_variables__.is_some() {
                                return Err(serde::de::Error::duplicate_field("envVariables"));
                            }
                            env_variables__ = Some(map_.next_value()?);
                        }
                        GeneratedField::EnvVariablesTruncated => {
                            if env_variables_truncated__.is_some() {
                                return Err(serde::de::Error::duplicate_field("envVariablesTruncated"));
                            }
                            env_variables_truncated__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Pid => {
                            if pid__.is_some() {
                                return Err(serde::de::Error::duplicate_field("pid"));
                            }
                            pid__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::ParentPid => {
                            if parent_pid__.is_some() {
                                return Err(serde::de::Error::duplicate_field("parentPid"));
                            }
                            parent_pid__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::UserId => {
                            if user_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("userId"));
                            }
                            user_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(Process {
                    name: name__.unwrap_or_default(),
                    binary: binary__,
                    libraries: libraries__.unwrap_or_default(),
                    script: script__,
                    args: args__.unwrap_or_default(),
                    arguments_truncated: arguments_truncated__.unwrap_or_default(),
                    env_variables: env_variables__.unwrap_or_default(),
                    env_variables_truncated: env_variables_truncated__.unwrap_or_default(),
                    pid: pid__.unwrap_or_default(),
                    parent_pid: parent_pid__.unwrap_or_default(),
                    user_id: user_id__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("google.cloud.securitycenter.v2.Process", FIELDS, GeneratedVisitor)
    }
}
