//! ROPs on the properties of any object (MS-OXCROPS 2.2.8).
use crate::data::{PropertyName, PropertyProblem, PropertyRow, PropertyTag, TaggedPropertyValue};
use crate::wire::{Count, Within};

wire! {
    /// RopGetPropertiesSpecific request (MS-OXCROPS 2.2.8.3.1).
    GetPropertiesSpecificRequest {
        /// 0: no limit.
        property_size_limit: u16,
        want_unicode: u16,
        columns: Vec<PropertyTag> as Count<u16>,
    }

    /// RopGetPropertiesSpecific response (MS-OXCROPS 2.2.8.3.2).
    GetPropertiesSpecificResponse {
        /// Over the columns of the request.
        row: PropertyRow,
    }

    /// RopGetPropertiesAll request (MS-OXCROPS 2.2.8.4.1).
    GetPropertiesAllRequest {
        /// 0: no limit.
        property_size_limit: u16,
        want_unicode: u16,
    }

    /// RopGetPropertiesAll response (MS-OXCROPS 2.2.8.4.2).
    GetPropertiesAllResponse {
        values: Vec<TaggedPropertyValue> as Count<u16>,
    }

    /// RopSetProperties request (MS-OXCROPS 2.2.8.6.1).
    SetPropertiesRequest {
        values: Vec<TaggedPropertyValue> as Within<u16, Count<u16>>,
    }

    /// RopSetProperties response (MS-OXCROPS 2.2.8.6.2).
    SetPropertiesResponse {
        /// What of it was not done.
        problems: Vec<PropertyProblem> as Count<u16>,
    }

    /// RopGetPropertyIdsFromNames request (MS-OXCROPS 2.2.8.1.1).
    GetPropertyIdsFromNamesRequest {
        /// 0 looks up, 2 creates what is not there.
        flags: u8,
        names: Vec<PropertyName> as Count<u16>,
    }

    /// RopGetPropertyIdsFromNames response (MS-OXCROPS 2.2.8.1.2).
    GetPropertyIdsFromNamesResponse {
        /// 0 for a name that is not known.
        ids: Vec<u16> as Count<u16>,
    }

    /// RopGetNamesFromPropertyIds request (MS-OXCROPS 2.2.8.2.1).
    GetNamesFromPropertyIdsRequest {
        ids: Vec<u16> as Count<u16>,
    }

    /// RopGetNamesFromPropertyIds response (MS-OXCROPS 2.2.8.2.2).
    GetNamesFromPropertyIdsResponse {
        names: Vec<PropertyName> as Count<u16>,
    }
}
