//! Opening the gateway on a folder.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::clock::SystemClock;
use super::settings::{Settings, SettingsError};
use crate::cwmp::{AcsProfileError, AcsProfiles};
use crate::gateway::{Gateway, GatewayError};
use crate::mapping::{PackError, Packs};
use crate::store::{AssetError, AssetStore, SledStore, StoreError};

/// The gateway can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A mapping pack is wrong.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A profile of an ACS is wrong.
    #[error(transparent)]
    Profile(#[from] AcsProfileError),
    /// The settings name something that is not there.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The folder of the operator's packs and profiles can't be read.
    #[error("can't read the mapping packs and ACS profiles in {path}: {source}")]
    PackFolder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder of the store can't be made.
    #[error("can't make {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The content-addressed folder can't be opened.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// A record can't be read.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
}

/// The built-in mapping packs, and those of the operator's folder.
///
/// # Errors
/// [`OpenError`] naming the file, and the line where there is one.
pub fn load_packs(folder: Option<&Path>) -> Result<Packs, OpenError> {
    Ok(match folder {
        Some(folder) => Packs::with_overrides(toml_files(folder)?)?,
        None => Packs::embedded()?,
    })
}

/// The built-in profiles of ACSs, and those of the folder `acs` in the operator's, if it is there.
///
/// # Errors
/// [`OpenError`] naming the file, and the line where there is one.
pub fn load_profiles(folder: Option<&Path>) -> Result<AcsProfiles, OpenError> {
    let own = folder.map(|folder| folder.join("acs"));
    Ok(match own.filter(|own| own.is_dir()) {
        Some(own) => AcsProfiles::with_overrides(toml_files(&own)?)?,
        None => AcsProfiles::embedded()?,
    })
}

/// Path and text of the files `*.toml` right in a folder, in order of their names.
fn toml_files(folder: &Path) -> Result<Vec<(String, String)>, OpenError> {
    let error = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::PackFolder { path, source }
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(error(folder))? {
        let path = entry.map_err(error(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
            && !path.is_dir()
        {
            paths.push(path);
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(error(&path))?;
        files.push((path.display().to_string(), text));
    }
    Ok(files)
}

/// Makes the folder of a store, for its owner only: passwords of phones are kept in it. One that is
/// there is left as it is.
fn make_private(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// Opens the gateway on the store that the settings name, with the system's clock. Nothing is due
/// until it is started.
///
/// # Errors
/// [`OpenError`]; [`StoreError::InUse`] in it when another process has the store.
pub fn open_gateway(settings: &Settings) -> Result<Gateway, OpenError> {
    open_gateway_by(SystemClock::default(), settings)
}

/// The same with a clock that may run faster.
///
/// # Errors
/// As for [`open_gateway`].
pub fn open_gateway_by(clock: SystemClock, settings: &Settings) -> Result<Gateway, OpenError> {
    let packs = load_packs(settings.mappings.path.as_deref())?;
    let packs = packs.with_template(settings.acs.template);
    let profiles = load_profiles(settings.mappings.path.as_deref())?;
    let gateway_settings = settings.gateway(&profiles, &packs)?;
    make_private(&settings.store.path).map_err(|source| OpenError::Folder {
        path: settings.store.path.clone(),
        source,
    })?;
    let store = SledStore::open(&settings.store.path, settings.store.options())?;
    let assets = AssetStore::open(&settings.store.path)?;
    Ok(Gateway::open(
        Arc::new(store),
        assets,
        packs,
        gateway_settings,
        Arc::new(clock),
    )?)
}
