"""Known escalation paths as one table, the simplest first.

Judged by AWS's documentation. Not included: paths through services that AWS has closed (CodeStar),
paths that only read (secrets, snapshots), paths that need no permission (AssumeRoleWithSAML), and
actions that alone give no access: an identity provider that no role trusts, a new account, a weaker
setting of an instance or an API, an object in an unknown bucket, files of a game (GameLift).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

PASSROLE = "iam:PassRole"

_DOCS = "https://docs.aws.amazon.com/"
_IAM = f"{_DOCS}IAM/latest/APIReference/API_"
#: The first collection of such paths, the source of most others.
_RHINO = "https://rhinosecuritylabs.com/aws/aws-privilege-escalation-methods-mitigation/"
#: A catalogue with a page for each path.
_CATALOGUE = "https://pathfinding.cloud/paths/"

#: The page for roles that may newly be assumed and that allow more.
ASSUME_ROLE_URL = f"{_DOCS}STS/latest/APIReference/API_AssumeRole.html"


@dataclass(frozen=True, slots=True)
class EscalationPath:
    """One path: alternatives, each of them actions that the principal must be allowed.

    The decisive action is first. `url` is a page that describes the path, or the feature that it
    uses. `service` is the service that a role is passed to, None if none. `needs_other_user` is
    true if the path is useful only with other users than the caller. `targets` gives, for actions
    that also work on irrelevant resources, the resource types that make the path work: one of them
    must be reachable.
    """

    code: str
    explanation: str
    url: str
    alternatives: tuple[tuple[str, ...], ...]
    service: str | None = None
    needs_other_user: bool = False
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


def _path(
    code: str,
    explanation: str,
    url: str,
    *alternatives: str,
    needs_other_user: bool = False,
    targets: Mapping[str, tuple[str, ...]] | None = None,
) -> EscalationPath:
    """A row of the table: each text has the actions of one alternative, separated by spaces."""
    split = tuple(tuple(each.split()) for each in alternatives)
    return EscalationPath(
        code, explanation, url, split, needs_other_user=needs_other_user, targets=targets or {}
    )


def _pass_role_path(
    code: str,
    what: str,
    url: str,
    *alternatives: str,
    service: str,
    targets: Mapping[str, tuple[str, ...]] | None = None,
) -> EscalationPath:
    """A row for passing a role to a service that then acts for the caller."""
    return EscalationPath(
        code=f"pass-role-to-{code}",
        explanation=f"can pass a role to {what} and so do what that role may do",
        url=url,
        alternatives=tuple((PASSROLE, *each.split()) for each in alternatives),
        service=service,
        targets=targets or {},
    )


#: Includes all others, which are then not reported.
ADMINISTRATOR = _path(
    "administrator",
    "may do anything in IAM, and so give themselves any permission",
    _DOCS + "IAM/latest/UserGuide/best-practices.html",
    "iam:*",
)

_INSTANCES = ("instance", "managed-instance")

PATHS = (
    # In IAM and in identity stores.
    _path(
        "create-policy-version",
        "can rewrite a managed policy, one that they hold themselves included",
        _IAM + "CreatePolicyVersion.html",
        "iam:CreatePolicyVersion",
    ),
    _path(
        "set-default-policy-version",
        "can put an earlier and perhaps wider version of a managed policy into force",
        _IAM + "SetDefaultPolicyVersion.html",
        "iam:SetDefaultPolicyVersion",
    ),
    _path(
        "attach-policy",
        "can attach any managed policy, to themselves or to those they can act as",
        _RHINO,
        "iam:AttachUserPolicy",
        "iam:AttachGroupPolicy",
        "iam:AttachRolePolicy",
    ),
    _path(
        "put-inline-policy",
        "can write inline policies of their own making, for themselves or those they can act as",
        _RHINO,
        "iam:PutUserPolicy",
        "iam:PutGroupPolicy",
        "iam:PutRolePolicy",
    ),
    _path(
        "remove-limits",
        "can remove or replace a limit of a user or role: a permissions boundary or a policy's "
        "Deny",
        _IAM + "DeleteUserPermissionsBoundary.html",
        "iam:DeleteUserPermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
        "iam:PutUserPermissionsBoundary",
        "iam:PutRolePermissionsBoundary",
        "iam:DetachUserPolicy",
        "iam:DetachRolePolicy",
        "iam:DetachGroupPolicy",
        "iam:DeleteUserPolicy",
        "iam:DeleteRolePolicy",
        "iam:DeleteGroupPolicy",
    ),
    _path(
        "add-user-to-group",
        "can join a group and so get its permissions",
        _IAM + "AddUserToGroup.html",
        "iam:AddUserToGroup",
    ),
    _path(
        "create-access-key",
        "can make access keys of other users, or put those back into use that were switched off, "
        "and act as them",
        _IAM + "CreateAccessKey.html",
        "iam:CreateAccessKey",
        "iam:UpdateAccessKey",
        needs_other_user=True,
    ),
    _path(
        "set-password",
        "can give other users a console password and sign in as them",
        _IAM + "CreateLoginProfile.html",
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
        needs_other_user=True,
    ),
    _path(
        "create-service-credential",
        "can make credentials of other users for single services, such as CodeCommit or Bedrock",
        _IAM + "CreateServiceSpecificCredential.html",
        "iam:CreateServiceSpecificCredential",
        "iam:ResetServiceSpecificCredential",
        "iam:UploadSSHPublicKey",
        needs_other_user=True,
    ),
    _path(
        "replace-mfa-device",
        "can remove or replace the second factor of other users",
        _IAM + "DeactivateMFADevice.html",
        "iam:DeactivateMFADevice",
        "iam:EnableMFADevice",
        needs_other_user=True,
    ),
    _path(
        "update-trust-policy",
        "can let themselves into a role by rewriting its trust policy",
        _IAM + "UpdateAssumeRolePolicy.html",
        "iam:UpdateAssumeRolePolicy",
    ),
    _path(
        "change-identity-provider",
        "can make the account trust an identity provider of their own, and so enter its roles",
        _DOCS + "IAM/latest/UserGuide/id_roles_providers.html",
        "iam:UpdateSAMLProvider",
        "iam:AddClientIDToOpenIDConnectProvider",
        "iam:UpdateOpenIDConnectProviderThumbprint",
    ),
    _path(
        "identity-center",
        "can widen permission sets of IAM Identity Center, assign them to themselves, join a "
        "group that has them, or set the password of another person",
        _DOCS + "singlesignon/latest/userguide/permissionsetsconcept.html",
        "sso:CreateAccountAssignment",
        "sso:PutInlinePolicyToPermissionSet",
        "sso:AttachManagedPolicyToPermissionSet",
        "sso:AttachCustomerManagedPolicyReferenceToPermissionSet",
        "identitystore:CreateGroupMembership",
        "sso:DeletePermissionsBoundaryFromPermissionSet",
        "sso-directory:UpdatePassword",
    ),
    _path(
        "leave-limits-of-organisation",
        "can take off what limits the account as a whole: policies of its organisation",
        _DOCS + "organizations/latest/userguide/orgs_manage_policies_scps.html",
        "organizations:LeaveOrganization",
        "organizations:DetachPolicy",
        "organizations:UpdatePolicy",
    ),
    _path(
        "set-directory-password",
        "can set passwords in directories of AWS, and sign in as their users",
        _DOCS + "directoryservice/latest/devguide/API_ResetUserPassword.html",
        "ds:ResetUserPassword",
    ),
    _path(
        "issue-certificate",
        "can make certificates of a private authority, with which roles are taken that trust it",
        _DOCS + "rolesanywhere/latest/userguide/introduction.html",
        "acm-pca:IssueCertificate acm-pca:GetCertificate",
    ),
    _path(
        "open-identity-pool",
        "can give the roles of an identity pool of Cognito to people of their choice",
        _DOCS + "cognito/latest/developerguide/identity-pools.html",
        "cognito-identity:UpdateIdentityPool",
        "cognito-idp:AdminAddUserToGroup",
    ),
    # Passing a role to a service that runs the caller's code.
    _pass_role_path(
        "instance",
        "a new EC2 instance, or to one that has none,",
        _RHINO,
        "ec2:RunInstances",
        "ec2:AssociateIamInstanceProfile",
        "ec2:ReplaceIamInstanceProfileAssociation",
        "ec2:RequestSpotInstances",
        "ec2:CreateLaunchTemplateVersion autoscaling:UpdateAutoScalingGroup",
        "ec2:CreateLaunchTemplate autoscaling:CreateAutoScalingGroup",
        "autoscaling:CreateLaunchConfiguration autoscaling:CreateAutoScalingGroup",
        "autoscaling:CreateLaunchConfiguration autoscaling:UpdateAutoScalingGroup",
        "iam:AddRoleToInstanceProfile",
        service="ec2.amazonaws.com",
        targets={
            "ec2:RunInstances": ("instance",),
        },
    ),
    _pass_role_path(
        "function",
        "a Lambda function of their own code",
        _RHINO,
        "lambda:CreateFunction lambda:InvokeFunction",
        "lambda:CreateFunction lambda:CreateEventSourceMapping",
        "lambda:CreateFunction lambda:AddPermission",
        "lambda:CreateFunction lambda:CreateFunctionUrlConfig",
        "lambda:CreateFunction events:PutRule events:PutTargets",
        "lambda:UpdateFunctionConfiguration lambda:UpdateFunctionCode",
        "lambda:CreateFunction lambda:PublishVersion cloudfront:UpdateDistribution",
        service="lambda.amazonaws.com",
    ),
    _pass_role_path(
        "stack",
        "a CloudFormation stack that makes what they choose",
        _DOCS + "AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
        "cloudformation:CreateStack",
        "cloudformation:UpdateStack",
        "cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet",
        "cloudformation:CreateStackSet cloudformation:CreateStackInstances",
        "cloudformation:UpdateStackSet",
        service="cloudformation.amazonaws.com",
        targets={
            "cloudformation:CreateStackInstances": ("stackset",),
            "cloudformation:UpdateStackSet": ("stackset",),
        },
    ),
    _pass_role_path(
        "glue",
        "Glue, to run code of their own",
        _RHINO,
        "glue:CreateDevEndpoint",
        "glue:CreateSession glue:RunStatement",
        "glue:CreateJob glue:StartJobRun",
        "glue:CreateJob glue:CreateTrigger",
        "glue:UpdateJob glue:StartJobRun",
        "glue:UpdateJob glue:CreateTrigger",
        service="glue.amazonaws.com",
    ),
    _pass_role_path(
        "sagemaker",
        "SageMaker, to run code of their own",
        _DOCS + "sagemaker/latest/dg/sagemaker-roles.html",
        "sagemaker:CreateNotebookInstance",
        "sagemaker:CreateTrainingJob",
        "sagemaker:CreateProcessingJob",
        "sagemaker:CreateUserProfile sagemaker:CreatePresignedDomainUrl",
        "sagemaker:CreateHyperParameterTuningJob",
        "sagemaker:CreateModel sagemaker:CreateEndpointConfig sagemaker:CreateEndpoint",
        "sagemaker:CreateModel sagemaker:CreateTransformJob",
        "sagemaker:CreatePipeline sagemaker:StartPipelineExecution",
        service="sagemaker.amazonaws.com",
    ),
    _pass_role_path(
        "build",
        "a CodeBuild project that runs what they write",
        _DOCS + "codebuild/latest/userguide/setting-up-service-role.html",
        "codebuild:CreateProject codebuild:StartBuild",
        "codebuild:CreateProject codebuild:StartBuildBatch",
        "codebuild:UpdateProject codebuild:StartBuild",
        "codebuild:UpdateProject codebuild:StartBuildBatch",
        service="codebuild.amazonaws.com",
    ),
    _pass_role_path(
        "container",
        "a container in ECS",
        _DOCS + "AmazonECS/latest/developerguide/task-iam-roles.html",
        "ecs:RegisterTaskDefinition ecs:RunTask",
        "ecs:RegisterTaskDefinition ecs:StartTask",
        "ecs:RegisterTaskDefinition ecs:CreateService",
        "ecs:RegisterTaskDefinition ecs:UpdateService",
        "ecs:RegisterTaskDefinition ecs:CreateTaskSet",
        "ecs:RunTask",
        "ecs:StartTask",
        service="ecs-tasks.amazonaws.com",
    ),
    _pass_role_path(
        "batch",
        "a container job in AWS Batch",
        _DOCS + "batch/latest/userguide/job_definitions.html",
        "batch:RegisterJobDefinition batch:SubmitJob",
        service="ecs-tasks.amazonaws.com",
    ),
    _pass_role_path(
        "state-machine",
        "a Step Functions state machine, which calls AWS for them,",
        _DOCS + "step-functions/latest/dg/procedure-create-iam-role.html",
        "states:CreateStateMachine states:StartExecution",
        "states:UpdateStateMachine states:StartExecution",
        "states:CreateStateMachine states:StartSyncExecution",
        "states:TestState",
        service="states.amazonaws.com",
    ),
    _pass_role_path(
        "schedule",
        "a schedule, which calls AWS for them,",
        _DOCS + "scheduler/latest/UserGuide/managing-targets-universal.html",
        "scheduler:CreateSchedule",
        "scheduler:UpdateSchedule",
        service="scheduler.amazonaws.com",
    ),
    _pass_role_path(
        "rule",
        "a rule of EventBridge, which starts for them what the role may start,",
        _DOCS + "eventbridge/latest/userguide/eb-events-iam-roles.html",
        "events:PutTargets",
        service="events.amazonaws.com",
    ),
    _pass_role_path(
        "automation",
        "Systems Manager Automation, which calls AWS for them,",
        _DOCS + "systems-manager/latest/userguide/automation-setup-iam.html",
        "ssm:StartAutomationExecution",
        service="ssm.amazonaws.com",
    ),
    _pass_role_path(
        "data-pipeline",
        "a data pipeline that runs commands",
        _RHINO,
        "datapipeline:CreatePipeline datapipeline:PutPipelineDefinition "
        "datapipeline:ActivatePipeline",
        service="datapipeline.amazonaws.com",
    ),
    _pass_role_path(
        "cluster",
        "an EMR cluster",
        _DOCS + "emr/latest/ManagementGuide/emr-iam-role-for-ec2.html",
        "elasticmapreduce:RunJobFlow",
        service="elasticmapreduce.amazonaws.com",
    ),
    _pass_role_path(
        "serverless-job",
        "a job of EMR Serverless",
        _DOCS + "emr/latest/EMR-Serverless-UserGuide/security-iam-runtime-role.html",
        "emr-serverless:StartJobRun",
        service="emr-serverless.amazonaws.com",
    ),
    _pass_role_path(
        "pipeline",
        "a pipeline of CodePipeline, whose steps they choose,",
        _DOCS + "codepipeline/latest/userguide/how-to-custom-role.html",
        # A new pipeline runs immediately.
        "codepipeline:CreatePipeline",
        "codepipeline:UpdatePipeline codepipeline:StartPipelineExecution",
        service="codepipeline.amazonaws.com",
    ),
    _pass_role_path(
        "code-interpreter",
        "a code interpreter of Bedrock AgentCore",
        _CATALOGUE + "bedrock-001",
        "bedrock-agentcore:CreateCodeInterpreter bedrock-agentcore:StartCodeInterpreterSession "
        "bedrock-agentcore:InvokeCodeInterpreter",
        service="bedrock-agentcore.amazonaws.com",
    ),
    _pass_role_path(
        "app-runner",
        "an App Runner service that runs their code",
        _DOCS + "apprunner/latest/dg/security_iam_service-with-iam.html",
        "apprunner:CreateService",
        "apprunner:UpdateService",
        service="tasks.apprunner.amazonaws.com",
    ),
    _pass_role_path(
        "pods",
        "pods of an EKS cluster",
        _DOCS + "eks/latest/userguide/pod-identities.html",
        "eks:CreatePodIdentityAssociation",
        "eks:UpdatePodIdentityAssociation",
        service="pods.eks.amazonaws.com",
    ),
    _pass_role_path(
        "trust-anchor",
        "a profile of IAM Roles Anywhere, for certificates of their own",
        _DOCS + "rolesanywhere/latest/userguide/introduction.html",
        "rolesanywhere:CreateTrustAnchor rolesanywhere:CreateProfile",
        service="rolesanywhere.amazonaws.com",
    ),
    _pass_role_path(
        "identity-pool",
        "users of Cognito, themselves among them,",
        _DOCS + "cognito/latest/developerguide/role-based-access-control.html",
        "cognito-identity:SetIdentityPoolRoles",
        "cognito-idp:CreateGroup",
        "cognito-idp:UpdateGroup",
        service="cognito-identity.amazonaws.com",
    ),
    _pass_role_path(
        "api",
        "an API of API Gateway, which calls AWS for them,",
        _DOCS + "apigateway/latest/developerguide/permissions.html",
        "apigateway:PUT apigateway:POST",
        service="apigateway.amazonaws.com",
    ),
    _pass_role_path(
        "database",
        "a database, whose SQL then uses it,",
        _DOCS + "AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Integrating.Authorizing.html",
        "rds:AddRoleToDBCluster",
        "rds:AddRoleToDBInstance",
        service="rds.amazonaws.com",
    ),
    _pass_role_path(
        "environment",
        "an environment of Elastic Beanstalk that runs their code",
        _DOCS + "elasticbeanstalk/latest/dg/iam-instanceprofile.html",
        "elasticbeanstalk:CreateEnvironment elasticbeanstalk:CreateApplicationVersion",
        service="elasticbeanstalk.amazonaws.com",
    ),
    _pass_role_path(
        "editor",
        "a notebook of EMR",
        _DOCS + "emr/latest/ManagementGuide/emr-managed-notebooks.html",
        "elasticmapreduce:CreateEditor elasticmapreduce:OpenEditorInConsole",
        service="elasticmapreduce.amazonaws.com",
    ),
    _pass_role_path(
        "activation",
        "a machine of their own that joins Systems Manager",
        _DOCS + "systems-manager/latest/userguide/activations.html",
        "ssm:CreateActivation",
        service="ssm.amazonaws.com",
    ),
    # Through a resource that already has a stronger role.
    _path(
        "edit-function",
        "can change the code of functions, which then runs with the role of the function",
        _DOCS + "lambda/latest/dg/lambda-intro-execution-role.html",
        "lambda:UpdateFunctionCode",
        # Layers and wrapper scripts are code too.
        "lambda:UpdateFunctionConfiguration",
    ),
    _path(
        "command-instance",
        "can run commands on instances, or change what is run there, with the role that they have",
        _DOCS + "systems-manager/latest/userguide/run-command-setting-up.html",
        "ssm:SendCommand",
        "ssm:CreateAssociation",
        "ssm:UpdateDocument ssm:UpdateDocumentDefaultVersion",
        "ssm:RegisterTaskWithMaintenanceWindow ssm:RegisterTargetWithMaintenanceWindow",
        targets={
            "ssm:SendCommand": _INSTANCES,
        },
    ),
    _path(
        "open-instance",
        "can open a shell on instances, and use the role that they have",
        _DOCS + "systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html",
        "ssm:StartSession",
        targets={
            "ssm:StartSession": _INSTANCES,
        },
    ),
    _path(
        # Sessions of tasks can be opened without ECS Exec too.
        "open-container",
        "can open a shell in containers of ECS, and use the role of the task",
        _DOCS + "AmazonECS/latest/developerguide/ecs-exec.html",
        "ecs:ExecuteCommand",
        "ssm:StartSession",
        targets={
            "ssm:StartSession": ("task",),
        },
    ),
    _path(
        "resume-session",
        "can take over sessions that others opened on instances or containers",
        _DOCS + "systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html",
        "ssm:ResumeSession",
        needs_other_user=True,
    ),
    _path(
        "enter-instance",
        "can put an SSH key of their own on instances, and use the role that those have",
        _DOCS + "AWSEC2/latest/UserGuide/ec2-instance-connect-methods.html",
        "ec2-instance-connect:SendSSHPublicKey",
        "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
    ),
    _path(
        "edit-instance",
        "can change what instances run when they start, with the role that the instance has",
        _DOCS + "AWSEC2/latest/UserGuide/user-data.html",
        "ec2:ModifyInstanceAttribute ec2:StartInstances",
        "ec2:CreateLaunchTemplateVersion ec2:ModifyLaunchTemplate",
        targets={
            "ec2:ModifyInstanceAttribute": ("instance",),
            "ec2:StartInstances": ("instance",),
        },
    ),
    _path(
        "edit-stack",
        "can change stacks that are made with a role of their own",
        _DOCS + "AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
        "cloudformation:UpdateStack",
        "cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet",
        "cloudformation:UpdateStackSet",
        targets={
            "cloudformation:UpdateStackSet": ("stackset",),
        },
    ),
    _path(
        "edit-build",
        "can make existing builds run commands of their own, with the role of the project",
        _DOCS + "codebuild/latest/userguide/setting-up-service-role.html",
        "codebuild:StartBuild",
        "codebuild:StartBuildBatch",
        "codebuild:UpdateProject codepipeline:StartPipelineExecution",
    ),
    _path(
        "share-instance",
        "can run containers of their own on instances of ECS, and use the role that those have",
        _DOCS + "AmazonECS/latest/developerguide/instance_IAM_role.html",
        "ecs:RegisterTaskDefinition ecs:RunTask",
        "ecs:RegisterTaskDefinition ecs:StartTask",
        "ecs:RegisterTaskDefinition ecs:CreateService",
        "ecs:RegisterTaskDefinition ecs:UpdateService",
        "ecs:RegisterTaskDefinition ecs:CreateTaskSet",
    ),
    _path(
        "edit-job",
        "can enter or change what Glue runs already, with the role that it has",
        _RHINO,
        "glue:UpdateDevEndpoint",
        "glue:RunStatement",
        "glue:UpdateJob",
    ),
    _path(
        "open-notebook",
        "can open notebooks of SageMaker, and use the role that they have",
        _DOCS + "sagemaker/latest/dg/nbi.html",
        "sagemaker:CreatePresignedNotebookInstanceUrl",
        "sagemaker:CreatePresignedDomainUrl",
        "elasticmapreduce:OpenEditorInConsole",
    ),
    _path(
        "edit-state-machine",
        "can change existing state machines, which call AWS with a role of their own",
        _DOCS + "step-functions/latest/dg/procedure-create-iam-role.html",
        "states:UpdateStateMachine",
    ),
    _path(
        "edit-notebook",
        "can change what notebooks of SageMaker run when they start, with the role that they have",
        _DOCS + "sagemaker/latest/dg/notebook-lifecycle-config.html",
        "sagemaker:UpdateNotebookInstanceLifecycleConfig sagemaker:StartNotebookInstance",
        "sagemaker:CreateNotebookInstanceLifecycleConfig sagemaker:UpdateNotebookInstance "
        "sagemaker:StartNotebookInstance",
    ),
    _path(
        "edit-service",
        "can change what services of App Runner run, with the role that they have",
        _CATALOGUE + "apprunner-002",
        "apprunner:UpdateService",
        targets={
            "apprunner:UpdateService": ("service",),
        },
    ),
    _path(
        "submit-job",
        "can run commands of their own in existing jobs of AWS Batch, with the role of the job",
        _DOCS + "batch/latest/userguide/job_definitions.html",
        "batch:SubmitJob",
    ),
    _path(
        "submit-step",
        "can run steps of their own on existing EMR clusters, with the role of the cluster",
        _DOCS + "emr/latest/ManagementGuide/emr-iam-role-for-ec2.html",
        "elasticmapreduce:AddJobFlowSteps",
    ),
    _path(
        "deploy-to-instance",
        "can deploy what they choose to instances, and use the role that those have",
        _CATALOGUE + "codedeploy-001",
        "codedeploy:CreateDeployment codedeploy:RegisterApplicationRevision",
    ),
    _path(
        "use-code-interpreter",
        "can run code in existing code interpreters of Bedrock AgentCore, with their role",
        _CATALOGUE + "bedrock-002",
        "bedrock-agentcore:StartCodeInterpreterSession bedrock-agentcore:InvokeCodeInterpreter",
    ),
    _path(
        "enter-cluster",
        "can let themselves into EKS clusters, and use the roles that the pods have",
        _DOCS + "eks/latest/userguide/access-entries.html",
        "eks:CreateAccessEntry eks:AssociateAccessPolicy",
    ),
    _path(
        "replace-root-volume",
        "can have instances start from a disk of their own, with the role that the instance has",
        _DOCS + "AWSEC2/latest/UserGuide/replace-root.html",
        "ec2:CreateReplaceRootVolumeTask",
        targets={"ec2:CreateReplaceRootVolumeTask": ("instance",)},
    ),
    _path(
        "push-image",
        "can replace images that containers and functions run, with the role that those have",
        _DOCS + "AmazonECR/latest/userguide/image-push-iam.html",
        "ecr:PutImage ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload",
    ),
    _path(
        "edit-environment",
        "can change what environments of Elastic Beanstalk run, with the role that they have",
        _DOCS + "elasticbeanstalk/latest/dg/iam-instanceprofile.html",
        "elasticbeanstalk:UpdateEnvironment elasticbeanstalk:CreateApplicationVersion",
        "elasticbeanstalk:RebuildEnvironment s3:PutObject",
    ),
    _path(
        "take-pipeline-job",
        "can take jobs of CodePipeline, which come with credentials for the artifacts",
        _DOCS + "codepipeline/latest/APIReference/API_PollForJobs.html",
        "codepipeline:PollForJobs",
    ),
    _path(
        "enter-lightsail",
        "can obtain keys of instances or buckets of Lightsail",
        _DOCS + "lightsail/2016-11-28/api-reference/API_GetInstanceAccessDetails.html",
        "lightsail:GetInstanceAccessDetails",
        "lightsail:DownloadDefaultKeyPair",
        "lightsail:CreateBucketAccessKey",
    ),
    _path(
        "become-database-user",
        "can set or obtain passwords of databases or brokers, that of the administrator too",
        _DOCS + "AmazonRDS/latest/APIReference/API_ModifyDBInstance.html",
        "rds:ModifyDBInstance",
        "redshift:ModifyCluster",
        "redshift:GetClusterCredentials",
        "redshift:GetClusterCredentialsWithIAM",
        "lightsail:GetRelationalDatabaseMasterUserPassword",
        "lightsail:UpdateRelationalDatabase",
        "mq:CreateUser",
        targets={
            "rds:ModifyDBInstance": ("db",),
        },
    ),
    _path(
        "open-resource",
        "can change the policies of resources, and so let themselves or others use those",
        _DOCS + "IAM/latest/UserGuide/access_policies_identity-vs-resource.html",
        "s3:PutBucketPolicy",
        "s3:PutBucketAcl",
        "s3:PutObjectAcl",
        "kms:PutKeyPolicy",
        "kms:CreateGrant",
        "secretsmanager:PutResourcePolicy",
        "dynamodb:PutResourcePolicy",
        "lambda:AddPermission",
        "lambda:AddLayerVersionPermission",
        "sqs:AddPermission",
        "sqs:SetQueueAttributes",
        "sns:AddPermission",
        "sns:SetTopicAttributes",
        "ecr:SetRepositoryPolicy",
        "ecr:PutRegistryPolicy",
        "elasticfilesystem:PutFileSystemPolicy",
        "ec2:ModifySnapshotAttribute",
    ),
)
